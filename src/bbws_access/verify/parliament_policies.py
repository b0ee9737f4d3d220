"""Runs where Parliament is installed: reads policies as JSON from standard input, writes what Parliament finds.

In: {"address": policy}. Out: {"address": [{"issue", "title", "severity", "detail"}]}.
"""

import json
import sys

import parliament


def main() -> None:
    found = {}
    for address, policy in json.load(sys.stdin).items():
        analysed = parliament.analyze_policy_string(json.dumps(policy), include_community_auditors=True)
        findings = []
        for item in analysed.findings:
            known = parliament.enhance_finding(item)
            findings.append(
                {"issue": item.issue, "title": known.title, "severity": known.severity, "detail": str(item.detail)}
            )
        found[address] = findings
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
