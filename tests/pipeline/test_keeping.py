"""Times and folders that outlive a kill."""

import time

from hwbench.pipeline.keeping import Watch, last_kept, set_aside


def test_a_watch_goes_on_where_it_was_killed(tmp_path):
    path = tmp_path / "ls.seconds"
    path.write_text("100.0")
    first = Watch(path)
    time.sleep(0.02)
    assert 100.02 <= first.look() < 110.0
    assert Watch(path).look() >= 100.02


def test_a_watch_begins_at_nothing(tmp_path):
    for text in (None, "", "half"):
        path = tmp_path / "made" / "ls.seconds"
        if text is not None:
            path.write_text(text)
        assert 0.0 <= Watch(path).look() < 1.0


def test_the_last_folder_that_was_set_aside_comes_back(tmp_path):
    place = tmp_path / "old" / "train-0"
    assert last_kept(place) is None
    for number in range(12):
        folder = tmp_path / "train"
        folder.mkdir()
        (folder / "number").write_text(str(number))
        set_aside(folder, place)
    (tmp_path / "old" / "train-01").mkdir()  # of another key
    kept = last_kept(place)
    assert kept is not None
    assert (kept / "number").read_text() == "11"  # as a number, not as a word
