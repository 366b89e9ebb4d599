//! What better-sqlite3 has no word for, by way of SQLite's extensions (<https://www.sqlite.org/loadext.html>).

use std::ffi::{c_char, c_int, c_void};

/// `sqlite3_db_config`, which takes what its option wants.
type Configure = unsafe extern "C" fn(*mut c_void, c_int, ...) -> c_int;

/// Place of `db_config` among the pointers of `sqlite3_api_routines`, to which SQLite only ever appends.
const DB_CONFIG: usize = 163;
const NO_CHECKPOINT_ON_CLOSE: c_int = 1006;
const OK: c_int = 0;
/// SQLite must not unload us at the end of the connection: Node uses the same file.
const OK_LOAD_PERMANENTLY: c_int = 256;

/// Called by SQLite when store/database.ts loads this file as an extension of a connection, under the name that it makes of the
/// file's. Closing the connection then leaves the write-ahead log as it is: a checkpoint syncs, and somebody would wait for it.
///
/// # Safety
/// `database` is an open connection and `api` points to SQLite's table of functions, both for the time of the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sqlite3_tsbuild_init(
    database: *mut c_void,
    _message: *mut *mut c_char,
    api: *const *const c_void,
) -> c_int {
    // SAFETY: the caller's table has this function at this place since SQLite 3.14, and better-sqlite3 brings a newer one.
    let configure = unsafe { std::mem::transmute::<*const c_void, Configure>(*api.add(DB_CONFIG)) };
    // SAFETY: the connection is open; this option takes an int and a pointer that may be null.
    let answer = unsafe { configure(database, NO_CHECKPOINT_ON_CLOSE, 1 as c_int, std::ptr::null_mut::<c_int>()) };
    if answer == OK { OK_LOAD_PERMANENTLY } else { answer }
}
