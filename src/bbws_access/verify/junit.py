"""A verification as JUnit XML, as CI systems read it."""

from xml.etree.ElementTree import Element, SubElement, indent, tostring

from bbws_access.verify.report import COMPLETE, FAILED, Report


def junit(report: Report) -> str:
    """One suite for each worker with its checks, one for the criteria with a case for each environment."""
    root = Element("testsuites", name="bbws-access verify")
    for worker in (*report.workers, *report.supporting):
        suite = SubElement(root, "testsuite", name=worker.name, timestamp=report.started.rstrip("Z"))
        for step in worker.steps:
            name = f"{step.name} ({step.environment})" if step.environment else step.name
            case = SubElement(suite, "testcase", classname=worker.name, name=name, time=f"{step.seconds:.3f}")
            if step.status == FAILED:
                SubElement(case, "failure", message=_text(step.detail)).text = _text(step.detail)
            elif step.status != COMPLETE:
                SubElement(case, "skipped", message=_text(step.detail))
        if worker.status != COMPLETE and not any(step.status == FAILED for step in worker.steps):
            case = SubElement(suite, "testcase", classname=worker.name, name="run", time="0")
            SubElement(case, "error", message=_text(worker.message))
    suite = SubElement(root, "testsuite", name="criteria", timestamp=report.started.rstrip("Z"))
    for criterion in report.criteria:
        for environment, verdict in criterion.verdicts.items():
            name = f"{criterion.title} ({environment})"
            case = SubElement(suite, "testcase", classname=f"criteria.{criterion.id}", name=_text(name), time="0")
            if not verdict.passed:
                lines = [": ".join(part for part in (item.place, item.message) if part) for item in verdict.findings]
                failure = SubElement(case, "failure", message=_text(lines[0] if lines else criterion.rule))
                failure.text = _text("\n".join(lines))
    for suite in root:
        suite.set("tests", str(len(suite)))
        for kind, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            suite.set(kind, str(sum(case.find(tag) is not None for case in suite)))
    indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _text(text: str) -> str:
    """Without the characters that XML cannot hold."""
    return "".join(character for character in text if character >= " " or character in "\n\t")
