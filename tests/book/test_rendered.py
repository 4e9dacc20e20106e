"""The built book in a real browser. Needs ``make html`` and Chromium; skips, and says so, without them."""

import gzip
from pathlib import Path

import pytest
from chromium import CHROMIUM, NONE, chromium

HTML = Path(__file__).parents[2] / "_build" / "html"
PAGES = sorted(p.relative_to(HTML).as_posix() for p in (HTML / "book").rglob("*.html"))
SIZES = {"phone": (390, 844), "desktop": (1280, 900), "wide": (1600, 900)}

pytestmark = [
    pytest.mark.skipif(not PAGES, reason="the book is not built: make html"),
    pytest.mark.skipif(CHROMIUM is None, reason=NONE),
    pytest.mark.exhaustive,  # thirty pages, each in several ways
]


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


def opened(browser, page: str, size: str = "desktop", scheme: str = "light", formulas: bool = False):
    """The page, and what went wrong on it; only the book's own files are loaded, nothing from the network.

    Setting the formulas takes longer than all the rest, so MathJax is loaded only for tests that look at them.
    """
    width, height = SIZES[size]
    # Playwright waits, and axe looks, with the eval that the pages forbid; test_a_page_is_not_heavy does without.
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme, bypass_csp=True)
    tab = context.new_page()
    problems = []

    def allowed(url: str) -> bool:
        return url.startswith(("file:", "data:", "blob:")) and (formulas or "/mathjax/" not in url)

    tab.route("**/*", lambda r: r.continue_() if allowed(r.request.url) else r.abort())
    tab.on("pageerror", lambda e: problems.append(str(e)))
    tab.on("requestfailed", lambda r: problems.append(r.url) if allowed(r.url) else None)
    tab.goto((HTML / page).as_uri())
    return tab, problems


# Images of an article that are not as wide for their height as their files are, without their frames.
STRETCHED = """[...document.querySelectorAll('main img')].filter(i => {
    if (!i.complete || !i.offsetHeight || !i.naturalHeight) return false;
    const style = getComputedStyle(i), frame = (a, b) => parseFloat(style[a]) + parseFloat(style[b]);
    const shape = (i.clientWidth - frame('paddingLeft', 'paddingRight')) /
                  (i.clientHeight - frame('paddingTop', 'paddingBottom'));
    return Math.abs(shape * i.naturalHeight / i.naturalWidth - 1) > 0.03;
}).map(i => i.alt.slice(0, 60))"""


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_whole_and_does_not_scroll_sideways(browser, page):
    tab, problems = opened(browser, page)
    for size in ("phone", "desktop"):
        for scheme in ("light", "dark"):
            shown(tab, size, scheme)
            width = tab.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            broken = tab.evaluate("[...document.images].filter(i => i.complete && !i.naturalWidth).map(i => i.src)")
            stretched = tab.evaluate(STRETCHED)
            assert (problems, width, broken, stretched) == ([], 0, [], []), (size, scheme)
    unnamed = tab.evaluate("[...document.querySelectorAll('main img')].filter(i => !i.alt.trim()).map(i => i.src)")
    headings = tab.evaluate("document.querySelectorAll('main article h1').length")
    assert (unnamed, headings) == ([], 1)
    shown(tab, "wide", "light")
    # Where there is room for 108 letters, nothing has to be pushed sideways to be read.
    cut = tab.evaluate("""[...document.querySelectorAll('.cell_input pre, .cell_output pre, .cell_output table')]
                          .filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.innerText.slice(0, 60))""")
    tab.context.close()
    assert cut == []


def shown(tab, size: str, scheme: str) -> None:
    """The open page, in a window of another size and in another colour scheme."""
    tab.set_viewport_size(dict(zip(("width", "height"), SIZES[size], strict=True)))
    tab.emulate_media(color_scheme=scheme)
    tab.wait_for_function(f"document.documentElement.dataset.theme === '{scheme}'")


# Code has thousands of coloured words, of some twenty kinds: one of each kind is looked at.
ONE_WORD_OF_A_KIND = """() => {
    const seen = new Set();
    for (const word of document.querySelectorAll('pre span[class]')) {
        let kind = '';
        for (let e = word; e && e.tagName !== 'ARTICLE'; e = e.parentElement) kind += e.className + '|';
        if (seen.has(kind)) word.replaceWith(...word.childNodes);
        seen.add(kind);
    }
}"""


@pytest.mark.parametrize("page", PAGES)
def test_no_serious_barrier_for_readers_with_disabilities(browser, page):
    """The rules of axe-core, which knows most of WCAG: contrast, names of controls, order of headings."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    tab, _ = opened(browser, page)
    tab.add_style_tag(content="* { transition: none !important; animation: none !important }")  # no colours in between
    tab.evaluate(ONE_WORD_OF_A_KIND)
    serious = []
    colours = {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}
    for scheme, rules in (("light", {}), ("dark", colours)):
        shown(tab, "desktop", scheme)
        found = axe.Axe().run(tab, options={"resultTypes": ["violations"], **rules}).response["violations"]
        serious += [(scheme, v["id"], [n["html"][:120] for n in v["nodes"][:3]]) for v in found
                    if v["impact"] in ("serious", "critical")]
    tab.context.close()
    assert serious == []


@pytest.mark.parametrize("page", PAGES)
def test_every_formula_is_set_and_fits_a_phone(browser, page):
    tab, problems = opened(browser, page, "phone", formulas=True)
    wanted = tab.evaluate("document.querySelectorAll('main .math').length")
    if wanted:
        tab.wait_for_function("document.querySelectorAll('main mjx-container').length > 0", timeout=300_000)
        tab.evaluate("MathJax.startup.promise")
    done = tab.evaluate("document.querySelectorAll('main mjx-container').length")
    wrong = tab.evaluate("[...document.querySelectorAll('main mjx-merror')].map(e => e.title || e.textContent)")
    width = tab.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    tab.context.close()
    assert (wrong, problems, width, done >= wanted) == ([], [], 0, True)


MOST = 2_000_000  # bytes of all that a page loads
TEXT = {".html", ".js", ".css", ".svg", ".json"}  # which web servers send compressed, GitHub Pages among them


def sent(file: Path) -> int:
    """Bytes of a file on its way to a browser."""
    return len(gzip.compress(file.read_bytes(), 6)) if file.suffix in TEXT else file.stat().st_size


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_not_heavy(browser, page):
    context = browser.new_context()
    tab, loaded, errors = context.new_page(), set(), []
    tab.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
    tab.on("pageerror", lambda e: errors.append(str(e)))
    tab.on("request", lambda r: loaded.add(r.url) if r.url.startswith("file:") else None)
    tab.goto((HTML / page).as_uri())
    tab.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    context.close()
    files = {Path(u.removeprefix("file://").partition("?")[0].partition("#")[0]) for u in loaded}
    weights = sorted(((sent(f), f.name) for f in files if f.is_file()), reverse=True)
    assert sum(weight for weight, _ in weights) < MOST, weights[:6]
    assert errors == []


@pytest.mark.parametrize("page", PAGES)
def test_links_within_the_book_lead_somewhere(browser, page):
    tab, _ = opened(browser, page)
    links = tab.evaluate("[...document.querySelectorAll('main a[href], nav a[href]')].map(a => a.href)")
    tab.context.close()
    dead = []
    for link in {link for link in links if link.startswith("file:")}:
        path, _, anchor = link.removeprefix("file://").partition("#")
        target = Path(path.partition("?")[0])
        if not target.is_file() or (anchor and f'id="{anchor}"' not in target.read_text()):
            dead.append(link)
    assert dead == []


def test_a_solution_is_folded_and_opens(browser):
    tab, _ = opened(browser, "book/data.html")
    solution = tab.locator("div.solution.dropdown").first
    body = solution.locator("p").nth(1)
    assert not body.is_visible()
    solution.locator("button.toggle-button").click()
    assert body.is_visible()
    tab.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_live_page_takes_the_theme_of_the_book_and_all_the_height_it_needs(browser, scheme):
    tab, problems = opened(browser, "book/live.html", "phone", "light")
    tab.evaluate(f"document.documentElement.dataset.theme = '{scheme}'")  # as the book's button does
    frame = tab.frame_locator("#live-frame")
    frame.locator(f"html[data-theme='{scheme}']").wait_for(timeout=300_000)
    needed = frame.locator("html").evaluate("page => page.scrollHeight")
    assert 300 < needed <= tab.locator("#live-frame").evaluate("frame => frame.clientHeight") < needed + 60
    tab.context.close()
    assert problems == []
