"""Make docs/audit/index.html and the table of docs/audit.md again: `python docs/audit.py [FOLDER]`.

The audit is kept in the folder, by default build/audit, so that this can be interrupted and gone on with.
"""

import json
import shutil
import sys
from pathlib import Path

from typer.testing import CliRunner

from jspline.claims._words import decisive
from jspline.cli import app

DOCS = Path(__file__).parent
BEGIN, END = "<!-- By docs/audit.py: -->", "<!-- End -->"


def verdicts(records: list[dict]) -> str:
    """The table of docs/audit.md."""
    counts: dict[str, int] = {}
    for record in records:
        counts[record["verdict"]] = counts.get(record["verdict"], 0) + 1
    summary = ", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items(), key=lambda item: -item[1]))
    lines = [
        f"By `jspline audit --quick`, seed {records[0]['seed']}: {summary}.",
        "",
        "| claim | verdict | what holds instead, or on which condition | a number |",
        "|---|---|---|---|",
    ]
    for record in records:
        instead = ""
        if record["verdict"] != "holds":
            condition = record["condition"] and f"If: {record['condition']}"
            instead = " ".join(part for part in (condition, record["corrected"], record["reason"]) if part)
        cells = (f"`{record['id']}` {record['title']}", record["verdict"], instead, decisive(record))
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines)


def main(folder: Path) -> None:
    """Run the audit, copy its page, write the table."""
    done = CliRunner().invoke(app, ["audit", "--quick", "--out", str(folder)], catch_exceptions=False)
    print(done.output)
    if done.exit_code:
        raise SystemExit(done.exit_code)
    (DOCS / "audit").mkdir(exist_ok=True)
    shutil.copy(folder / "index.html", DOCS / "audit" / "index.html")
    text = (DOCS / "audit.md").read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    table = verdicts(json.loads((folder / "audit.json").read_text(encoding="utf-8")))
    (DOCS / "audit.md").write_text(f"{before}{BEGIN}\n\n{table}\n\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else DOCS.parent / "build" / "audit"))
