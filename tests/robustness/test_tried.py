"""The table of what was tried counts the tests as they are."""

import pytest
import tried


@pytest.mark.tried("the table below", "counting its own rows", "one row per thing tried, cases added up")
@pytest.mark.parametrize("part", ["first", "second"])
def test_this_row_stands_in_the_table_with_two_cases(part):
    row = next(line for line in tried.PAGE.read_text().splitlines() if line.startswith("| the table below |"))
    assert "| 2 | 2 |" in row
