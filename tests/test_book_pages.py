"""The rendered book in a real browser: every page, both widths, both themes. Each check is shown to fail."""

import base64
import functools
import hashlib
import http.server
import io
import json
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

import nbformat
import pytest
from axe_playwright_python.sync_playwright import Axe
from nbformat import v4 as nbf
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
BUILD = ROOT / "build"
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))),
    None,
)
pytestmark = [
    pytest.mark.pages,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium, chromium-browser or google-chrome on PATH"),
]

VIEWS = [(width, theme) for width in (1280, 390) for theme in ("light", "dark")]
LARGEST_PAGE = 3_000_000
FLAGS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--no-first-run",
]


def course_pages():
    """The documents of the course, as committed: names without suffix."""
    files = [*NOTEBOOKS.rglob("*.ipynb"), *NOTEBOOKS.rglob("*.md")]
    kept = [path for path in files if not {"results", ".ipynb_checkpoints"} & set(path.parts)]
    return sorted(path.relative_to(NOTEBOOKS).with_suffix("").as_posix() for path in kept)


PAGES = course_pages()
CHAPTERS = [page for page in PAGES if re.match(r"\d\d_", page)]


# Building and serving -----------------------------------------------------------------------------


def book_inputs():
    """Every file the book is made from."""
    tools = [ROOT / "tools" / name for name in ("notebooks.py", "student.py", "benchmarks.py")]
    tools.append(ROOT / "benchmarks" / "results.json")
    found = [path for folder in (NOTEBOOKS, ROOT / "book") for path in folder.rglob("*") if path.is_file()]
    kept = [path for path in found if not {"__pycache__", ".ipynb_checkpoints"} & set(path.parts)]
    return sorted([*kept, *tools])


def render(source, html):
    """Render a folder of notebooks as `make book` does: nothing is run, a warning is an error."""
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-c", ROOT / "book"]
    with tempfile.TemporaryDirectory() as doctrees:
        done = subprocess.run(
            [str(part) for part in (*command, "-d", doctrees, source, html)],
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
    assert done.returncode == 0, done.stderr
    return html


@pytest.fixture(scope="session")
def book():
    """The folder of the rendered book: build/html when it is newer than its sources, else rendered once."""
    inputs = book_inputs()
    newest = max(path.stat().st_mtime for path in inputs)
    made = BUILD / "html" / "searchindex.js"
    if made.exists() and made.stat().st_mtime >= newest:
        return made.parent
    digest = hashlib.sha256()
    for path in inputs:
        digest.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    target = BUILD / f"pages-{digest.hexdigest()[:16]}"
    if not target.exists():
        BUILD.mkdir(exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix="rendering-", dir=BUILD))
        render(NOTEBOOKS, fresh)
        for old in BUILD.glob("pages-*"):
            shutil.rmtree(old, ignore_errors=True)
        try:
            # another test process may have been quicker: then its book serves as well
            fresh.rename(target)
        except OSError:
            shutil.rmtree(fresh)
    return target


def picture():
    """A small picture, as matplotlib would leave it in a notebook."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4, 2))
    figure.subplots().plot([1, 3, 2])
    content = io.BytesIO()
    figure.savefig(content, format="png")
    return base64.b64encode(content.getvalue()).decode()


FRAME = """<div><style scoped>.dataframe {{}}</style><table border="1" class="dataframe"><thead>
<tr style="text-align: right;"><th></th>{heads}</tr><tr><th>user</th>{blanks}</tr></thead>
<tbody><tr><th>0</th>{cells}</tr></tbody></table></div>"""


def sample_notebook():
    """A chapter that uses every convention once."""
    wide = FRAME.format(
        heads="".join(f"<th>movie {number}</th>" for number in range(30)),
        blanks="<th></th>" * 30,
        cells="<td>0.1234</td>" * 30,
    )

    def code(source, tag=None, **output):
        outputs = [nbf.new_output("display_data", **output)] if output else []
        metadata = {"tags": [tag]} if tag else {}
        return nbf.new_code_cell(source, metadata=metadata, execution_count=1, outputs=outputs)

    text = nbf.new_markdown_cell
    cells = [
        text("# 02 Sampling\n\n| Chapter card | What to expect |\n|---|---|\n| Question | Is it 信息差? |\n"),
        text("## Formulas\n\n$\\cos(u, v)$ by {cite:t}`resnick1994`:\n\n$$\\boldsymbol{x}_i \\cancel{y}$$\n"),
        text("$$ 1" + " + \\frac{1}{2}" * 40 + " $$\n"),
        text("> **Note.** A note.\n\n> **Tip.** A tip.\n\n> **Warning.** A warning.\n\n> A quotation.\n"),
        code("x = 1  # " + "a line wider than a phone " * 5, data={"text/plain": "1"}),
        code("ratings.head()", data={"text/html": wide, "text/plain": "a table"}),
        code(
            "plot()",
            data={"image/png": picture(), "text/plain": "A line."},
            metadata={"image/png": {"alt": "A line that rises and falls.", "width": 400}},
        ),
        text(
            "| "
            + " | ".join(f"column {n}" for n in range(9))
            + " |\n"
            + "|---" * 9
            + "|\n"
            + "| word " * 9
            + "|"
        ),
        text("### Exercise 02.1 Count\n\nCount."),
        code(
            "### BEGIN SOLUTION\nanswer = 41 + 1\n### END SOLUTION\nanswer",
            "exercise",
            data={"text/plain": "42"},
        ),
        code('check("02.1", answer)', "exercise-check", data={"text/plain": "02.1: right"}),
        text("## Quiz\n\n1. Which one?\n   - a) this\n   - b) that\n"),
        code('{"1": "b"}', "quiz", data={"text/plain": "{'1': 'b'}"}),
    ]
    notebook = nbf.new_notebook(cells=cells)
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return notebook


@pytest.fixture(scope="session")
def sample_book(tmp_path_factory):
    """A small book with the sample chapter, under the same configuration."""
    source = tmp_path_factory.mktemp("source")
    for name in ("index.md", "shop_model.md", "benchmarks.md", "bibliography.md", "about.md"):
        shutil.copy(NOTEBOOKS / name, source)
    nbformat.write(sample_notebook(), source / "02_sampling.ipynb")
    return render(source, tmp_path_factory.mktemp("html"))


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@contextmanager
def served(folder):
    handler = functools.partial(QuietHandler, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="session")
def book_url(book):
    with served(book) as url:
        yield url


@pytest.fixture(scope="session")
def sample_url(sample_book):
    with served(sample_book) as url:
        yield url


@pytest.fixture(scope="session")
def browser():
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


# Visiting and judging a page ----------------------------------------------------------------------


class Visit:
    """One page in one view: what it asked for, what it complained of, how much it weighed."""

    def __init__(self, browser, url, width=1280, theme="light"):
        self.outside, self.complaints, self.weights, self.width = [], [], {}, width
        self.home = url if url.startswith("file:") else "{0.scheme}://{0.netloc}/".format(urlsplit(url))
        self.context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=theme, service_workers="block"
        )
        self.context.route("**/*", self._pass_or_block)
        self.page = self.context.new_page()
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.complaints.append(f"script error: {error}"))
        self.page.on("response", self._weigh)
        self.page.goto(url, wait_until="load")
        self.page.wait_for_function("!window.MathJax || window.MathJax.startup?.promise")
        self.page.evaluate("window.MathJax ? MathJax.startup.promise.then(() => 1) : 1")
        self.page.evaluate("document.querySelectorAll('details').forEach(box => { box.open = true })")
        # what is opened fades in: half faded text would be judged for its contrast
        self.page.wait_for_function(
            "document.getAnimations().every(one => one.playState !== 'running' && !one.pending)"
        )

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.context.close()

    def _pass_or_block(self, route):
        url = route.request.url
        here = url.startswith("file:") if self.home.startswith("file:") else url.startswith(self.home)
        if here or url.startswith(("data:", "blob:")):
            route.continue_()
        else:
            self.outside.append(url)
            route.abort()

    def _hear(self, message):
        if message.type == "error":
            self.complaints.append(message.text)

    def _weigh(self, response):
        if response.status >= 400:
            self.complaints.append(f"{response.status} for {response.url}")
        self.weights[response.url] = int(response.headers.get("content-length", 0))

    def weight(self):
        """Bytes of the page and its own pictures, and of everything it loaded."""
        own = sum(
            size
            for url, size in self.weights.items()
            if url.split("?")[0] == self.page.url.split("?")[0].split("#")[0]
            or re.search(r"\.(png|jpe?g|gif|svg|webp)(\?|$)", url)
        )
        return own, sum(self.weights.values())


def outside_requests(visit):
    return [f"asks {url}" for url in visit.outside]


def console_errors(visit):
    return list(visit.complaints)


def overflow(visit):
    """Whatever is wider than the window, unless it scrolls inside its own box."""
    return visit.page.evaluate(
        """() => {
          const width = window.innerWidth, found = [];
          if (document.documentElement.scrollWidth > width) found.push(`body is wider than ${width} px`);
          const boxed = node => {
            for (let up = node.parentElement; up && up.tagName !== 'ARTICLE'; up = up.parentElement)
              if (['auto', 'scroll'].includes(getComputedStyle(up).overflowX)) return true;
            return false;
          };
          for (const node of document.querySelectorAll('article *')) {
            const box = node.getBoundingClientRect();
            const seen = box.width > 1 && box.height > 1;
            if (seen && box.right > width + 1 && !node.closest('mjx-assistive-mml') && !boxed(node))
              found.push(`${node.tagName} ends at ${Math.round(box.right)} px`);
          }
          return found.slice(0, 5);
        }"""
    )


LOOKS = """() => {
  const looks = new Map();
  const ground = node => {
    for (let up = node; up; up = up.parentElement) {
      const colour = getComputedStyle(up).backgroundColor;
      if (colour !== 'rgba(0, 0, 0, 0)' && colour !== 'transparent') return colour;
    }
    return '';
  };
  for (const node of document.body.querySelectorAll('*')) {
    const text = [...node.childNodes].some(part => part.nodeType === 3 && part.data.trim());
    if (!text || !node.checkVisibility()) continue;
    const style = getComputedStyle(node);
    const look = [style.color, ground(node), style.fontSize, style.fontWeight, style.opacity].join();
    if (!looks.has(look)) looks.set(look, []);
    looks.get(look).push(node);
  }
  for (const alike of looks.values())
    for (const one of [alike[0], alike[alike.length >> 1], alike.at(-1)]) one.setAttribute('data-look', '');
  for (const token of document.querySelectorAll('.highlight pre span:not([data-look])'))
    token.replaceWith(...token.childNodes);
}"""
"""Marks the first, the middle and the last text of each colour, ground and size, and takes the other tokens
out of the code: axe is slow over thousands that look alike."""


def axe_findings(visit):
    short = {"resultTypes": ["violations"]}
    visit.page.evaluate(LOOKS)
    runs = (
        (None, {**short, "rules": {"color-contrast": {"enabled": False}}}),
        ("[data-look]", {**short, "runOnly": ["color-contrast"]}),
    )
    return [
        f"axe {rule['impact']}: {rule['id']} at {rule['nodes'][0]['target']} ({len(rule['nodes'])} places)"
        for context, options in runs
        for rule in Axe().run(visit.page, context, options).response["violations"]
        if rule["impact"] in ("serious", "critical")
    ]


def unset_mathematics(visit):
    return visit.page.evaluate(
        """() => {
          const found = [];
          for (const node of document.querySelectorAll('main .math'))
            if (!node.querySelector('mjx-container svg')) found.push('not set: ' + node.textContent);
          for (const node of document.querySelectorAll('[data-mml-node="merror"], merror'))
            found.push('MathJax error: ' + node.textContent);
          const copy = document.querySelector('article, main').cloneNode(true);
          copy.querySelectorAll('pre, code, mjx-container, script').forEach(node => node.remove());
          if (/\\\\[(\\[]|\\$\\$/.test(copy.textContent)) found.push('raw mathematics in the text');
          return found;
        }"""
    )


def undescribed_images(visit):
    """Sphinx writes the file name where an alternative text is missing; that counts as none."""
    images = visit.page.evaluate(
        """() => [...document.querySelectorAll('main img')].map(
             image => [image.src, image.getAttribute('alt'), image.naturalWidth])"""
    )
    found = []
    for source, alternative, width in images:
        name = source.split("/")[-1]
        text = (alternative or "").strip()
        if len(text.split()) < 3 or re.search(r"\.(png|jpe?g|svg|gif)$", text):
            found.append(f"no alternative text: {name}")
        if not width:
            found.append(f"not shown: {name}")
    return found


def too_heavy(visit):
    own, _ = visit.weight()
    return [f"{own:,} bytes"] if own > LARGEST_PAGE else []


CHECKS = (
    outside_requests,
    console_errors,
    overflow,
    axe_findings,
    unset_mathematics,
    undescribed_images,
    too_heavy,
)


def problems(visit, checks=CHECKS):
    return {check.__name__: found for check in checks if (found := check(visit))}


# The book -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "theme"), VIEWS)
@pytest.mark.parametrize("page", [*PAGES, "search"])
def test_page(browser, book_url, page, width, theme, record_property):
    with Visit(browser, f"{book_url}{page}.html", width, theme) as visit:
        assert visit.page.locator("html").get_attribute("data-theme") == theme
        assert problems(visit) == {}
        own, everything = visit.weight()
    record_property("bytes of the page and its pictures", own)
    record_property("bytes of everything it loads", everything)
    print(f"{page}: {own / 1e3:,.0f} kB, with styles and scripts {everything / 1e3:,.0f} kB")


@pytest.mark.parametrize(("width", "theme"), VIEWS)
def test_page_of_the_sample(browser, sample_url, width, theme):
    with Visit(browser, f"{sample_url}02_sampling.html", width, theme) as visit:
        assert problems(visit) == {}


@pytest.mark.parametrize("page", ["index", *CHAPTERS])
def test_page_from_the_disk(browser, book, page):
    with Visit(browser, (book / f"{page}.html").as_uri()) as visit:
        assert problems(visit, [check for check in CHECKS if check is not axe_findings]) == {}


def found_by_search(visit):
    visit.page.wait_for_selector("#search-results p.search-summary", timeout=15_000)
    visit.page.wait_for_function(
        "!document.querySelector('#search-progress')?.textContent && !/Searching/.test(document.title)"
    )
    visit.page.wait_for_timeout(300)
    links = visit.page.locator("#search-results li a")
    return {
        urlsplit(urljoin(visit.page.url, address)).path.split("/")[-1]
        for address in links.evaluate_all("links => links.map(link => link.getAttribute('href'))")
    }


@pytest.mark.parametrize("page", ["about", *CHAPTERS])
def test_search_finds_the_page(browser, book, book_url, page):
    heading = re.search(r"<h1>(.*?)<a ", (book / f"{page}.html").read_text(), re.DOTALL).group(1)
    words = re.findall(r"[A-Za-z]{4,}", re.sub("<[^>]*>", " ", heading))
    term = "cookies" if page == "about" else max(words, key=len)
    for address in (book_url, f"{book.as_uri()}/"):
        with Visit(browser, f"{address}search.html?q={term}") as visit:
            assert f"{page}.html" in found_by_search(visit), f"{term} in {address}"
            assert (visit.outside, visit.complaints) == ([], [])


def test_search_for_nonsense_finds_nothing(browser, book_url):
    with Visit(browser, f"{book_url}search.html?q=zzyzzxq") as visit:
        assert found_by_search(visit) == set()


def test_theme_switch_changes_the_colours_and_is_remembered(browser, book_url):
    ground = "getComputedStyle(document.body).backgroundColor"
    seen = {}
    with Visit(browser, f"{book_url}index.html") as visit:
        for theme in ("dark", "light", "dark"):
            visit.page.locator(".theme-switch-button:visible").click()
            visit.page.locator(f".theme-change-button[data-mode={theme}]:visible").click()
            assert visit.page.locator("html").get_attribute("data-theme") == theme
            seen[theme] = visit.page.evaluate(ground)
        visit.page.goto(f"{book_url}about.html")
        assert visit.page.locator("html").get_attribute("data-theme") == "dark"
        assert visit.page.evaluate(ground) == seen["dark"]
    assert seen["light"] != seen["dark"]


def test_previous_and_next_lead_through_the_book(browser, book_url):
    order = ["index", *CHAPTERS]
    with Visit(browser, f"{book_url}index.html") as visit:
        walked = []
        while True:
            walked.append(urlsplit(visit.page.url).path.strip("/").removesuffix(".html"))
            assert visit.page.locator("a.left-prev").count() == (len(walked) > 1)
            if not visit.page.locator("a.right-next").count():
                break
            visit.page.locator("a.right-next").click()
            visit.page.wait_for_load_state("load")
    assert walked[: len(order)] == order
    assert sorted(walked) == PAGES


def read_links(html):
    text = re.sub(r"<script.*?</script>", "", html.read_text(), flags=re.DOTALL)
    return re.findall(r"<a\s[^>]*?href=\"([^\"]*)\"", text), set(re.findall(r"\sid=\"([^\"]*)\"", text))


@pytest.mark.parametrize("page", PAGES)
def test_links_inside_the_book_lead_somewhere(book, page):
    links, _ = read_links(book / f"{page}.html")
    inside = {link for link in links if not re.match(r"(https?|mailto|javascript|data):", link)}
    broken = []
    for link in sorted(inside):
        address, anchor = urldefrag(link)
        target = (book / page).parent / unquote(address) if address else book / f"{page}.html"
        if not target.exists() or (anchor and anchor not in read_links(target)[1]):
            broken.append(link)
    assert broken == []
    assert inside


@pytest.mark.parametrize("page", CHAPTERS)
def test_downloads_are_valid_notebooks(browser, book_url, page):
    with Visit(browser, f"{book_url}{page}.html") as visit:
        links = visit.page.locator(".dropdown-download-buttons a")
        addresses = links.evaluate_all("links => links.map(link => link.href)")
        answers = [visit.page.request.get(address) for address in addresses]
        assert [answer.status for answer in answers] == [200, 200]
        texts = [answer.text() for answer in answers]
    complete, student = (nbformat.reads(text, as_version=4) for text in texts)
    for notebook in (complete, student):
        nbformat.validate(notebook)
    committed = nbformat.read(NOTEBOOKS / f"{page}.ipynb", as_version=4)
    assert [cell.source for cell in complete.cells] == [cell.source for cell in committed.cells]
    keys = [cell.id for cell in complete.cells if "quiz" in cell.metadata.get("tags", [])]
    kept = [cell.id for cell in complete.cells if cell.id not in keys[1:]]
    assert [cell.id for cell in student.cells] == kept
    assert "### BEGIN SOLUTION" not in texts[1]
    assert not any(cell.get("outputs") for cell in student.cells)


@pytest.mark.parametrize("page", CHAPTERS)
def test_chapter_follows_the_conventions(book, page):
    html = (book / f"{page}.html").read_text()
    number = page[:2]
    assert re.search(rf'<h1><span class="chapter-number">{number}</span> [^<\d]', html)
    assert html.count("chapter-card") == 1
    assert "### BEGIN SOLUTION" not in html
    tags = [
        tag
        for cell in nbformat.read(NOTEBOOKS / f"{page}.ipynb", as_version=4).cells
        for tag in cell.metadata.get("tags", [])
    ]
    assert html.count("Show a solution") == tags.count("exercise")
    assert html.count("Show the key") == tags.count("quiz")


def test_course_map_tells_what_is_there(book):
    html = (book / "index.html").read_text()
    listed = re.findall(r'<dt><span class="chapter-number">(\d\d)</span> (<a[^>]*>)?.*?</dt>', html)
    assert [number for number, _ in listed] == [f"{number:02}" for number in range(17)]
    assert [number for number, link in listed if link] == [page[:2] for page in CHAPTERS]
    assert html.count("chapter-waiting") == 17 - len(CHAPTERS) + ("02" not in {page[:2] for page in CHAPTERS})


# The conventions, on the sample -------------------------------------------------------------------


def test_conventions_on_the_sample(browser, sample_url, sample_book):
    html = (sample_book / "02_sampling.html").read_text()
    assert '<h1><span class="chapter-number">02</span> Sampling<' in html
    assert "<title>02 Sampling" in html
    for kind in ("note", "tip", "warning"):
        assert html.count(f'class="callout callout-{kind}"') == 1
    assert len(re.findall(r'<table class="[^"]*chapter-card', html)) == 1
    assert 'alt="A line that rises and falls."' in html
    assert not re.search(r"<th[^>]*>\s*</th>", html)
    assert "### BEGIN SOLUTION" not in html
    with Visit(browser, f"{sample_url}02_sampling.html") as visit:
        visit.page.reload()
        for label, secret in (("Show a solution", "answer = 41 + 1"), ("Show the key", "'1': 'b'")):
            box = visit.page.locator("details", has_text=label)
            assert not box.get_by_text(secret).first.is_visible()
            box.locator("summary").click()
            assert box.get_by_text(secret).first.is_visible()
        assert visit.page.get_by_text("02.1: right").is_visible()


def test_mathematics_is_loaded_only_where_it_stands(sample_book):
    assert "tex-svg.js" in (sample_book / "02_sampling.html").read_text()
    assert "tex-svg.js" not in (sample_book / "about.html").read_text()


def test_student_edition_of_the_sample(sample_book):
    folder = sample_book / "_sources"
    assert "41 + 1" in (folder / "02_sampling.ipynb").read_text()
    assert "41 + 1" not in (folder / "student" / "02_sampling.ipynb").read_text()


def test_references_in_the_text_lead_to_the_bibliography(sample_book):
    html = (sample_book / "02_sampling.html").read_text()
    anchor = re.search(r'href="bibliography\.html#([^"]+)"[^>]*>1994</a>', html).group(1)
    bibliography = (sample_book / "bibliography.html").read_text()
    entry = re.search(
        rf'<div class="citation"[^>]*id="{anchor}"[^>]*>.*?</div>', bibliography, re.DOTALL
    ).group()
    assert "GroupLens" in entry
    assert 'role="listitem"' in entry


# Each check can fail ------------------------------------------------------------------------------

FAULTS = {
    "outside_requests": '<script src="https://cdn.example.org/library.js"></script>',
    "console_errors": "<script>console.error('something broke')</script>",
    "overflow": '<p style="width: 900px">A paragraph that no phone can show.</p>',
    "axe_findings": '<p style="color: #ccc; background: #fff">Hardly any contrast.</p>',
    "unset_mathematics": r'<span class="math">\(\frac{1}\)</span>',
    "undescribed_images": '<img src="_static/information-gap.svg" width="100" alt="information-gap.svg">',
    "too_heavy": "<!-- " + "x" * LARGEST_PAGE + " -->",
}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_each_check_can_fail(browser, sample_url, sample_book, check):
    page = (sample_book / "02_sampling.html").read_text()
    faulty = page.replace("</article>", FAULTS[check.__name__] + "</article>", 1)
    assert faulty != page
    (sample_book / "faulty.html").write_text(faulty)
    with Visit(browser, f"{sample_url}faulty.html", width=390) as visit:
        assert check(visit) != []


def test_script_error_and_missing_file_are_heard(browser, sample_url, sample_book):
    page = (sample_book / "about.html").read_text()
    faulty = page.replace("</article>", "<script>undefined.call()</script><img src=gone.png></article>", 1)
    (sample_book / "faulty.html").write_text(faulty)
    with Visit(browser, f"{sample_url}faulty.html") as visit:
        heard = " ".join(console_errors(visit))
        assert "script error" in heard
        assert "404 for" in heard
        assert undescribed_images(visit) == ["no alternative text: gone.png", "not shown: gone.png"]


def test_weights_come_from_the_answers(browser, sample_url, sample_book):
    with Visit(browser, f"{sample_url}02_sampling.html") as visit:
        own, everything = visit.weight()
    page = (sample_book / "02_sampling.html").stat().st_size
    assert page < own < everything
    assert json.dumps(sorted(visit.weights)).count("tex-svg.js") == 1
