//! The Node addon: nothing but glue.
