"""Every mermaid diagram in the Markdown files is drawn by the real mermaid in chromium."""

import json
import os
import pathlib
import re
import subprocess

import checks
import page

DRAW = """(async () => {
    const source = %s;
    const { svg } = await mermaid.render('diagram%d', source);
    const figure = document.createElement('figure');
    figure.innerHTML = svg;
    document.body.append(figure);
    return figure.querySelectorAll('text, foreignObject').length;
})()"""


def check(claim, folder):
    diagrams = list(diagrams_of_repository())
    claim.that(len(diagrams) >= 3, "there are diagrams", len(diagrams))
    site = folder / "diagrams.html"
    site.write_text(f"<script>{script().read_text()}</script><body style='background:white'>")
    with page.Page(width=1600, height=1200) as tab:
        tab.open(site.as_uri())
        checks.wait_until(lambda: tab.evaluate("typeof mermaid === 'object'"), "mermaid is loaded", 30)
        tab.evaluate("mermaid.initialize({startOnLoad: false})")
        for number, (path, source) in enumerate(diagrams):
            try:
                labels = tab.evaluate(DRAW % (json.dumps(source), number))
                claim.that(labels > 3, f"diagram {number + 1}, in {path}, is drawn", labels)
            except RuntimeError as error:
                claim.that(False, f"diagram {number + 1}, in {path}, is drawn", error)
        try:
            tab.evaluate("mermaid.render('broken', 'flowchart LR\\n a --> --> b')")
            claim.that(False, "a broken diagram is refused")
        except RuntimeError:
            claim.that(True, "a broken diagram is refused")
        tab.screenshot(folder / "diagrams.png")


def diagrams_of_repository():
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=checks.REPOSITORY, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for path in listed.stdout.splitlines():
        for source in re.findall(r"^```mermaid\n(.*?)^```", (checks.REPOSITORY / path).read_text(), re.M | re.S):
            yield path, source


def script():
    found = os.environ.get("MERMAID")
    if not found:
        installer = checks.REPOSITORY / ".ci/tools/mermaid"
        found = subprocess.run([installer], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    return pathlib.Path(found)


if __name__ == "__main__":
    checks.run("diagrams", check)
