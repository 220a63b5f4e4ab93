"""Streams broken: what, where, the text before and after, the test that notices."""

from tests.mutants.run import Mutant

PIECES = "tests/data/test_table_stream.py::"
PARQUET = "tests/data/test_parquet.py::"
CHUNKS = "tests/data/test_csv_chunks.py::"
UNSEEN = "tests/tabular/test_unseen.py::"
ROWS = "tests/data/test_streamed_rows.py::"
PREDICTIONS = "tests/data/test_predictions.py::"
TRAINING = "tests/training/test_streamed.py::"
TABLES = "tests/tabular/test_streamed.py::"
IN_ORDER = "test_in_the_order_of_the_file_the_bits_are_those_of_the_rows_in_memory"

MUTANTS = [
    Mutant(
        "streams: texts of Parquet files unpacked all at once",
        "data/parquet_tables.py",
        'int(np.searchsorted(ends, before + most, side="right"))',
        "table.num_rows",
        f"{PARQUET}test_a_text_that_comes_often_is_unpacked_in_pieces",
    ),
    Mutant(
        "streams: a Parquet file measured by its codes",
        "data/parquet_tables.py",
        "_refuse_if_far_larger(path, int(sizes_of_rows(table, names).sum()))",
        "_refuse_if_far_larger(path, table.nbytes)",
        f"{PARQUET}test_a_whole_file_is_refused_before_it_takes_far_more_than_it_has",
    ),
    Mutant(
        "streams: a packed file without a bound",
        "data/packed_files.py",
        "if self.so_far > self.most:",
        "if False:",
        f"{CHUNKS}test_what_is_much_larger_when_unpacked_is_refused_before_it_is[gz]",
    ),
    Mutant(
        "streams: a table fits by its first rows",
        "tabular/streamed.py",
        "        if room < 0:\n            return False",
        "        if room < 0:\n            return True",
        f"{TABLES}test_whether_all_rows_fit_is_seen_by_all_rows",
    ),
    Mutant(
        "streams: unseen values counted anew for the probabilities",
        "data/unseen.py",
        "elif together.last is not rows:",
        "else:",
        f"{UNSEEN}test_a_table_in_pieces_is_told_of_once_and_each_row_counts_once[True]",
    ),
    Mutant(
        "streams: rows of a prediction counted from the beginning of its batch",
        "data/predictions.py",
        "error.put_at(data.place(n_done + error.row))",
        "error.put_at(data.place(error.row))",
        f"{UNSEEN}test_a_cell_that_cannot_be_read_is_told_by_its_row_in_the_file[.csv]",
    ),
    Mutant(
        "streams: rare values of the training called unseen",
        "data/unseen.py",
        "            return 1 < self.n == self.rows - self.missing",
        "            return 0 < self.n",
        f"{UNSEEN}test_of_values_too_rare_to_be_kept_nothing_is_said_unless_there_are_no_others",
    ),
    Mutant(
        "streams: what is left of a piece predicted by itself",
        "training/row_stream.py",
        "if whole := len(rows) // BATCH * BATCH:",
        "if whole := len(rows):",
        f"{PREDICTIONS}test_a_net_is_handed_the_batches_of_all_rows_in_memory[.parquet]",
    ),
    Mutant(
        "streams: a chunk cut at a line break within a text",
        "data/pieces.py",
        "return table, len(lines) + len(too_many) - len(last.text.encode())",
        "return table, len(lines)",
        f"{CHUNKS}test_the_rows_are_those_of_the_whole_file",
    ),
    Mutant(
        "streams: a column that begins empty stays empty",
        "data/csv_columns.py",
        "if one is None or pa.types.is_null(one) or one == other:",
        "if one is None or one == other:",
        f"{PIECES}test_a_column_has_a_type_for_all_blocks[nothing, then truth]",
    ),
    Mutant(
        "streams: the lines of a block counted from its beginning",
        "data/pieces.py",
        "row, before = broken[0], 0 if header else rows_before + self.dialect.skipped",
        "row, before = broken[0], 0",
        f"{PIECES}test_a_broken_row_is_told_by_its_line_in_the_file",
    ),
    Mutant(
        "streams: a file that changed goes unnoticed",
        "data/pieces.py",
        "if table.num_rows != part.n_rows:",
        "if False:",
        f"{PIECES}test_a_file_that_changes_while_it_is_read_is_refused",
    ),
    Mutant(
        "streams: small row groups one by one",
        "data/pieces.py",
        "if together and together + n > self.slice:",
        "if together:",
        f"{PIECES}test_row_groups_larger_than_a_piece_come_in_slices_small_ones_together",
    ),
    Mutant(
        "streams: the numbers of a part's rows given to each of its slices",
        "data/table_stream.py",
        "                first += table.num_rows",
        "                first += 0",
        f"{ROWS}test_a_split_deals_out_each_row_once_however_the_pieces_are",
    ),
    Mutant(
        "streams: rows of the second file numbered as those of the first",
        "data/table_stream.py",
        "            first += before",
        "            first += 0",
        f"{PIECES}test_a_mistake_is_told_with_its_row_and_file",
    ),
    Mutant(
        "streams: neighbours held out together",
        "data/drawing.py",
        "    return z ^ (z >> np.uint64(31))",
        "    return np.repeat(z[::9], 9)[: len(z)]",
        f"{ROWS}test_a_split_takes_about_the_share_from_everywhere",
    ),
    Mutant(
        "streams: a sample of one row too few",
        "data/drawing.py",
        "found = np.partition(found, n - 1)[:n]",
        "found = np.partition(found, n - 1)[: n - 1]",
        f"{ROWS}test_a_sample_has_so_many_rows_each_once",
    ),
    Mutant(
        "streams: the file that is read from is written over",
        "data/predictions.py",
        "if to.resolve() in [path.resolve() for path in table.files]:",
        "if False:",
        f"{PREDICTIONS}test_what_cannot_be_written_or_read_is_refused",
    ),
    Mutant(
        "streams: a logit read as a probability",
        "data/predictions.py",
        "np.concatenate([1 - p if sure else -p, p], axis=1)",
        "np.concatenate([1 - p, p], axis=1)",
        f"{PREDICTIONS}test_a_net_is_handed_numbers_and_its_classes_have_their_names",
    ),
    Mutant(
        "streams: what is left of a piece is lost",
        "training/streamed.py",
        "filled, begin = filled + taken, begin + taken",
        "filled, begin = filled + taken, len(y_piece)",
        f"{TRAINING}{IN_ORDER}[eager]",
    ),
    Mutant(
        "streams: the loss of each buffer from 0",
        "engines/compiled/engine.py",
        "returned = self._run_rows(order, slice(0, n), so_far.total)",
        "returned = self._run_rows(order, slice(0, n), 0.0)",
        f"{TRAINING}{IN_ORDER}[compiled]",
    ),
    Mutant(
        "streams: the random streams of the layers left where they were",
        "engines/compiled/engine.py",
        "        self.total_before[0] = 0\n        self.streams.hand_back(self.streams.words)",
        "        self.total_before[0] = 0",
        f"{TRAINING}{IN_ORDER}[compiled]",
    ),
    Mutant(
        "streams: indices of the rows that came later not looked at",
        "engines/compiled/engine.py",
        "            check_indices(part, name, self.bounds)",
        "            pass",
        f"{TRAINING}test_indices_are_looked_at_again_when_the_rows_are_others",
    ),
    Mutant(
        "streams: learning rates of the first buffer for all",
        "training/streamed.py",
        "result = self.engine.run_rows(order, rates[steps:end], so_far)",
        "result = self.engine.run_rows(order, rates[: end - steps], so_far)",
        f"{TRAINING}{IN_ORDER}[eager]",
    ),
    Mutant(
        "streams: the parts of the files in their own order",
        "training/streamed.py",
        "drawn = self.of_pieces if self.shuffle and not fits else None",
        "drawn = None",
        f"{TRAINING}test_every_epoch_visits_each_row_once_in_an_order_of_its_own[200]",
    ),
    Mutant(
        "streams: rows that fit the buffer read in a drawn order",
        "training/streamed.py",
        "drawn = self.of_pieces if self.shuffle and not fits else None",
        "drawn = self.of_pieces if self.shuffle else None",
        f"{TRAINING}test_where_all_rows_fit_the_buffer_shuffled_ones_are_those_in_memory_too[eager]",
    ),
    Mutant(
        "streams: an error leaves the weights of half an epoch",
        "training/streamed.py",
        "net.parameters[...], net.running_state[...] = before",
        "pass",
        f"{TRAINING}test_an_error_in_a_piece_leaves_the_last_whole_epoch",
    ),
    Mutant(
        "streams: the batch that diverged counted from the buffer's beginning",
        "training/streamed.py",
        "diverged_at=steps + (result.diverged_at or 0)",
        "diverged_at=result.diverged_at",
        f"{TRAINING}test_a_training_that_diverges_is_told_by_its_batch[eager]",
    ),
    Mutant(
        "streams: every k-th prediction, but from each buffer's beginning",
        "training/streamed.py",
        "chosen = slice(-self.seen % self.every, None, self.every)",
        "chosen = slice(0, None, self.every)",
        f"{TRAINING}test_metrics_of_the_training_are_of_every_kth_row_where_memory_ends",
    ),
    Mutant(
        "streams: fewer rows than there were go unnoticed",
        "training/streamed.py",
        "if so_far.rows != n:",
        "if False:",
        f"{TRAINING}test_rows_that_change_between_epochs_are_refused",
    ),
    Mutant(
        "streams: two items read ahead",
        "training/row_stream.py",
        "            coming = thread.submit(next, items, end)\n            yield item",
        "            coming = thread.submit(next, items, end)\n            coming.result()\n"
        "            yield item",
        f"{TRAINING}test_reading_ahead_hands_on_all_items_and_the_error_after_them",
    ),
    Mutant(
        "streams: rows held out are learned from",
        "tabular/streamed.py",
        "learned = piece.columns.filter(~self.drawn.masks(piece)[0])",
        "learned = piece.columns",
        f"{TABLES}test_rows_held_out_are_not_learned_from_and_the_others_all_are",
    ),
    Mutant(
        "streams: one order for all members",
        "tabular/streamed.py",
        "orders = [own.permutation(len(t)) for _ in range(k)]",
        "orders = [own.permutation(len(t))] * k",
        f"{TABLES}test_rows_held_out_are_not_learned_from_and_the_others_all_are",
    ),
    Mutant(
        "streams: means of parts joined without their distance",
        "tabular/streamed.py",
        "apart**2 * self.n * n / (self.n + n)",
        "0.0",
        f"{TABLES}test_it_learns_numbers[rmse]",
    ),
    Mutant(
        "streams: gaps of rows that are not sampled go unseen",
        "tabular/witnesses.py",
        'if (name, "missing") not in self.rows:',
        "if False:",
        f"{TABLES}test_columns_are_read_as_if_all_rows_had_been_looked_at",
    ),
    Mutant(
        "streams: a text that is no number goes unseen",
        "tabular/witnesses.py",
        "if not _reads(name_of, texts):",
        "if False:",
        f"{TABLES}test_columns_are_read_as_if_all_rows_had_been_looked_at",
    ),
]
