//! Columns of the table: vectors that get longer with it.

/// Makes a column longer, as [`lengthen_with`] does.
pub(crate) fn lengthen<T: Default>(column: &mut Vec<T>, length: usize) {
    lengthen_with(column, length, T::default);
}

/// Makes a column at least this long. Room is made for an eighth more, and not touched: making it a little longer again costs no
/// more than what is new. `Vec` would double a hundred megabytes.
pub(crate) fn lengthen_with<T>(column: &mut Vec<T>, length: usize, new: impl FnMut() -> T) {
    if column.capacity() < length {
        column.reserve_exact(length + length / 8 - column.len());
    }
    column.resize_with(length.max(column.len()), new);
}
