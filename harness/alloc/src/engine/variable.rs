//! An environment variable, asked for before anything may be allocated.

use std::ffi::CStr;

/// Whether the variable is set.
pub(super) fn is_set(name: &CStr) -> bool {
    // SAFETY: the name ends with a zero. Nobody changes the environment before the first allocation.
    let value = unsafe { libc::getenv(name.as_ptr()) };
    !value.is_null()
}
