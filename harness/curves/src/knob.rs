//! The knobs of a point: names with the values that they are set to.

use std::collections::BTreeMap;
use std::fmt::Display;

/// Knobs with their values, such as `knobs([("page_size", 100), ("batch_size", 50)])`; those that are as ever are left out. Names and
/// values are of letters, digits, `-` and `_`.
pub fn knobs<V: Display, const N: usize>(set: [(&str, V); N]) -> BTreeMap<String, String> {
    set.into_iter().map(|(knob, value)| (knob.to_owned(), value.to_string())).collect()
}
