import pytest

from equal_stream.cli.several import repeated


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("", ""),
        ("--policy a", "--policy a"),
        ("--policy a b c", "--policy a --policy b --policy c"),
        ("--policy=a b", "--policy=a --policy b"),
        ("--policy a --policy b", "--policy a --policy b"),
        ("--policy a b --seed 1 --files f g", "--policy a --policy b --seed 1 --files f --files g"),
        ("--seed 1 2 --json --policy a", "--seed 1 2 --json --policy a"),
        ("stray --policy a --json b", "stray --policy a --json b"),
        ("--policy", "--policy"),
        ("--policy --seed 1", "--policy --seed 1"),
        ("-p a b", "-p a -p b"),
    ],
)
def test_values_up_to_the_next_option_belong_to_the_one_before(typed, read):
    assert repeated(typed.split(), ["--policy", "-p", "--files"]) == read.split()
