"""``python -m facekp.synthetic data/sample``: make the shipped sample again."""

import argparse

from facekp.synthetic import SAMPLE_SEED, SAMPLE_SIZE, write_sample

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("--n", type=int, default=SAMPLE_SIZE)
    parser.add_argument("--seed", type=int, default=SAMPLE_SEED)
    given = parser.parse_args()
    print(write_sample(given.folder, given.n, given.seed))
