"""What stands in a block, and what only seems to: comments, strings and heredocs hold no arguments."""

from pathlib import Path

from bbws_access.verify.hcl import Block, read_blocks

TEXT = r"""
# resource "x" "in_a_comment" {}
resource "aws_thing" "this" { # one {
  a = 1 // b = 2
  /* c = 3
     d = 4 */ e = "f # ${join(",", [for g in ["}"] : "h"])} // i = 5"
  text = <<-EOT
    j = 6
    # k {
    EOT
  list = [ # all
    one, # , two
    "three, four",
    five["x, y"],
  ]
  lifecycle {
    ignore_changes = [
      # six,
      tags["A"], /* seven, */ policy,
    ]
    create_before_destroy = true
  }
  dynamic "rule" {
    for_each = { a = { b = 1 } }
    content { n = rule.value }
  }
  m = (
    o == 1
    ? "p"   : "q"
  )
}
"""


def block(tmp_path: Path) -> Block:
    path = tmp_path / "main.tf"
    path.write_text(TEXT, encoding="utf-8")
    (found,) = read_blocks(path)
    return found


def test_comments_and_strings_hold_no_arguments(tmp_path: Path) -> None:
    body = block(tmp_path).body
    names = [(part.name, part.labels, part.is_block, part.line) for part in body.parts]
    assert names == [
        ("a", (), False, 4),
        ("e", (), False, 6),
        ("text", (), False, 7),
        ("list", (), False, 11),
        ("lifecycle", (), True, 16),
        ("dynamic", ("rule",), True, 23),
        ("m", (), False, 27),
    ]
    assert body.says("a", "1")
    assert body.says("e", r'''"f # ${join(",", [for g in ["}"] : "h"])} // i = 5"''')
    assert "# k {" in body.argument("text").text
    assert body.says("m", '(o == 1 ? "p" : "q")')


def test_lists_are_read_across_lines(tmp_path: Path) -> None:
    body = block(tmp_path).body
    assert body.argument("list").elements == [("one", 12), ('"three, four"', 13), ('five["x, y"]', 14)]
    assert body.says("list", '[one, "three, four", five["x, y"]]')
    (lifecycle,) = body.blocks("lifecycle")
    assert lifecycle.argument("ignore_changes").elements == [('tags["A"]', 19), ("policy", 19)]
    assert lifecycle.says("create_before_destroy", "true")
    (rule,) = body.blocks("dynamic")
    assert [part.name for part in rule.parts] == ["for_each", "content"]


def test_the_blocks_text_keeps_its_lines(tmp_path: Path) -> None:
    found = block(tmp_path)
    assert found.text.count("\n") == TEXT.strip().count("\n") - 1
    assert "seven" not in found.text
    assert "f # $" in found.text


def test_every_file_of_the_project_is_read_to_its_end() -> None:
    """What a block holds is found to its last line, whatever stands before."""
    root = Path(__file__).resolve().parents[2] / "terraform"
    count = 0
    for path in sorted(path for path in root.rglob("*.tf") if ".terraform" not in path.parts):
        for found in read_blocks(path):
            for part in found.body.parts[-1:]:
                rest = found.text.rstrip().removesuffix("}" if part.is_block else "").rstrip()
                assert rest.endswith(part.text.strip()), f"{path.name}:{found.line}"
            count += len(found.body.parts)
    assert count > 1000
