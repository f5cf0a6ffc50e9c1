//! An owned `AVDictionary` of options.

use super::sys;
use schema::{Error, ErrorKind, Result};
use std::ffi::{CStr, CString};
use std::ptr;

/// Options by name, taken out by libav as it uses them.
pub(super) struct Dictionary(*mut sys::AVDictionary);

impl Dictionary {
    /// A dictionary of names and values.
    ///
    /// # Errors
    /// `SERVER_ERROR` where there is no memory or a text holds a zero byte.
    pub(super) fn new(entries: &[(&str, &str)]) -> Result<Self> {
        let mut dictionary = Self(ptr::null_mut());
        for (key, value) in entries {
            let fault = || Error::new(ErrorKind::ServerError, format!("option {key}={value}"));
            let (k, v) = (CString::new(*key), CString::new(*value));
            let (Ok(k), Ok(v)) = (k, v) else { return Err(fault()) };
            // SAFETY: both texts live over the call, which copies them.
            if unsafe { sys::av_dict_set(&mut dictionary.0, k.as_ptr(), v.as_ptr(), 0) } < 0 {
                return Err(fault());
            }
        }
        Ok(dictionary)
    }

    /// Takes an entry out, if it is there.
    pub(super) fn remove(&mut self, key: &str) {
        let Ok(key) = CString::new(key) else { return };
        // SAFETY: the key lives over the call; a null value removes the entry.
        unsafe { sys::av_dict_set(&mut self.0, key.as_ptr(), ptr::null(), 0) };
    }

    /// Where libav may take entries out.
    pub(super) const fn as_mut_ptr(&mut self) -> *mut *mut sys::AVDictionary {
        &mut self.0
    }

    /// Makes sure that every option was understood: one that was not would be a limit not kept.
    ///
    /// # Errors
    /// `SERVER_ERROR` that names the first option that is left.
    pub(super) fn expect_used(&self) -> Result<()> {
        // SAFETY: an empty key with AV_DICT_IGNORE_SUFFIX finds any entry; its key is a C string.
        let left = unsafe {
            let flags = sys::AV_DICT_IGNORE_SUFFIX;
            let entry = sys::av_dict_get(self.0, c"".as_ptr(), ptr::null(), flags);
            (!entry.is_null()).then(|| CStr::from_ptr((*entry).key))
        };
        left.map_or(Ok(()), |key| {
            let key = key.to_string_lossy();
            Err(Error::new(ErrorKind::ServerError, format!("this FFmpeg has no option {key}")))
        })
    }
}

impl Drop for Dictionary {
    fn drop(&mut self) {
        // SAFETY: owned; libav sets the pointer to null.
        unsafe { sys::av_dict_free(&mut self.0) };
    }
}
