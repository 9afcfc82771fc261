def test_a_folder_that_is_not_there(hwbench, tmp_path):
    folder = tmp_path / "typo"
    result = hwbench("report", str(folder))
    assert (result.code, result.out) == (2, "")
    assert result.err == (
        f"error: {folder}: no such folder; a search, a study or a pipeline writes one (--out)\n"
    )
