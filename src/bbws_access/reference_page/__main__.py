"""`python -m bbws_access.reference_page FILE` writes the page of the contract."""

import sys
from pathlib import Path

from bbws_access.kernel.contract import load_contract
from bbws_access.reference_page.page import render

path = Path(sys.argv[1])
path.parent.mkdir(parents=True, exist_ok=True)
path.write_text(render(load_contract()), encoding="utf-8")
print(path)
