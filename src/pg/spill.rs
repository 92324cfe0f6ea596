//! Values that wait in PostgreSQL's temporary files (`temp_tablespaces`, `temp_file_limit`) until they are wanted.

use pgrx::pg_sys;

/// So many bytes are written at once.
const BLOCK: usize = 8192;

/// Bytes that a list takes in memory while it is written: its own block and that of PostgreSQL.
pub const OPEN: usize = 2 * BLOCK;

/// A list of values of which a block at most is in memory, besides that of PostgreSQL's own buffer.
pub struct Spilled<T> {
    file: *mut pg_sys::BufFile,
    /// How many are in the file.
    count: usize,
    /// Those that are not yet in it.
    rest: Vec<T>,
}

impl<T: Copy + 'static> Spilled<T> {
    const AT_ONCE: usize = BLOCK / size_of::<T>();

    /// It lives no longer than the present memory context.
    pub fn new() -> Spilled<T> {
        // SAFETY: closed by Drop, or by an abort.
        let file = unsafe { pg_sys::BufFileCreateTemp(false) };
        Spilled { file, count: 0, rest: Vec::with_capacity(Self::AT_ONCE) }
    }

    pub fn push(&mut self, value: T) {
        self.rest.push(value);
        if self.rest.len() == Self::AT_ONCE {
            // SAFETY: as many bytes as these values have.
            unsafe { pg_sys::BufFileWrite(self.file, self.rest.as_mut_ptr().cast(), size_of_val(self.rest.as_slice())) };
            self.count += self.rest.len();
            self.rest.clear();
        }
    }

    /// All of them, in the order in which they came.
    pub fn read(&self) -> Vec<T> {
        let mut values: Vec<T> = Vec::with_capacity(self.count + self.rest.len());
        let size = self.count * size_of::<T>();
        // SAFETY: there is room for as many; the bytes are those of values that own and borrow nothing, in this process.
        let read = unsafe {
            if pg_sys::BufFileSeek(self.file, 0, 0, 0) == 0 {
                pg_sys::BufFileRead(self.file, values.as_mut_ptr().cast(), size)
            } else {
                0
            }
        };
        if read != size {
            pgrx::error!("leadscore: a temporary file ends after {read} bytes of {size}");
        }
        // SAFETY: they were read.
        unsafe { values.set_len(self.count) };
        values.extend_from_slice(&self.rest);
        values
    }
}

impl<T> Drop for Spilled<T> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // SAFETY: made by new, and closed once.
            unsafe { pg_sys::BufFileClose(self.file) }
        }
    }
}
