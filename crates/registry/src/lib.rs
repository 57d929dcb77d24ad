//! One strategy per kind: defaults, preparation, validation, warnings, tables.
