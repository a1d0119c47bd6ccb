"""What came out of an audit, in words."""

from collections.abc import Sequence
from typing import Any

from jspline.claims._audit import Audited
from jspline.claims._claim import VERDICTS


def table(audited: Sequence[Audited]) -> str:
    """The verdicts, a line for each claim, with what decided them."""
    lines = []
    for _, record, _ in audited:
        lines.append(f"{record['id']:15} {record['verdict']:12} {record['title']}")
        for key in ("condition", "corrected", "reason"):
            if record[key] and not (key != "reason" and record["verdict"] == "holds"):
                lines.append(f"{'':28} {key}: {record[key]}")
        lines.append(f"{'':28} {decisive(record)}")
    verdicts = [each.record["verdict"] for each in audited]
    counts = {verdict: verdicts.count(verdict) for verdict in VERDICTS}
    lines.append(", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count))
    return "\n".join(lines)


def decisive(record: dict[str, Any]) -> str:
    """The first finding that the print does not survive, or its first of all."""
    printed = [(what, found) for what, found in record["numbers"].items() if found["of"] == "printed"]
    what, found = next((each for each in printed if not each[1]["holds"]), printed[0])
    values = {name.replace("_", " "): value for name, value in found.items() if name not in ("of", "holds")}
    return f"{what}: {', '.join(f'{name} {value:.4g}' for name, value in values.items())}"
