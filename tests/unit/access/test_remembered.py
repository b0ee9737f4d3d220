"""What a function remembers of people: little, bounded, and nothing that decides."""

from __future__ import annotations

import threading

from bbws_access.access.remembered import Definition, Remembered


def _definitions(count: int, org: str = "org-a") -> tuple[Definition, ...]:
    return tuple(("OrganisationRole", org, f"role-{n}") for n in range(count))


def test_by_person_and_organisation() -> None:
    remembered = Remembered()
    remembered.note("ada", {"org-a": _definitions(2), "org-b": ()})
    remembered.note("ada", {"org-a": _definitions(1)})
    remembered.note("bob", {"org-a": ()})
    assert remembered.of("ada") == {"org-a": _definitions(1), "org-b": ()}
    assert remembered.of("bob") == {"org-a": ()}
    assert remembered.of("eve") == {}
    remembered.note("ada", {"org-c": ()}, everywhere=True)
    assert remembered.of("ada") == {"org-c": ()}
    remembered.clear()
    assert remembered.of("ada") == {}


def test_whoever_came_longest_ago_is_forgotten_first() -> None:
    remembered = Remembered(most=9)
    for name in ("ada", "bob", "eve"):
        remembered.note(name, {"org-a": _definitions(2)})
    remembered.note("ada", {"org-a": _definitions(2)})
    remembered.note("joe", {"org-a": _definitions(2)})
    assert [name for name in ("ada", "bob", "eve", "joe") if remembered.of(name)] == ["ada", "eve", "joe"]


def test_whoever_needs_very_much_is_not_remembered_and_pushes_nobody_out() -> None:
    remembered = Remembered(most=100, most_of_one=10)
    remembered.note("ada", {"org-a": _definitions(9)})
    remembered.note("bob", {"org-a": _definitions(10)})
    assert remembered.of("bob") == {}
    assert remembered.of("ada") == {"org-a": _definitions(9)}
    # One who needed little before is forgotten, too: half of what they need would cost a wait each time.
    remembered.note("ada", {"org-b": _definitions(1)})
    assert remembered.of("ada") == {}
    for n in range(1000):
        remembered.note(f"user-{n % 50}", {f"org-{n}": _definitions(n % 7)})
    held = [remembered.of(f"user-{n}") for n in range(50)]
    assert sum(1 + len(some) for one in held for some in one.values()) <= 100


def test_many_at_once() -> None:
    remembered = Remembered(most=50, most_of_one=20)

    def busy(name: str) -> None:
        for n in range(300):
            remembered.note(f"{name}{n % 5}", {f"org-{n % 3}": _definitions(n % 6)})
            remembered.of(f"{name}{n % 4}")

    threads = [threading.Thread(target=busy, args=(name,)) for name in "abcdef"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    people = [remembered.of(f"{name}{n}") for name in "abcdef" for n in range(5)]
    assert 0 < sum(1 + len(some) for one in people for some in one.values()) <= 50
