//! A path into a value, kept on the stack while walking it, so that nothing is allocated unless it is printed.

use std::fmt;

/// One step of a path, linked to the step before.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Path<'a> {
    /// The value itself.
    Root,
    /// A field of a struct.
    Field(&'a Path<'a>, &'a str),
    /// An entry of a map.
    Key(&'a Path<'a>, &'a str),
    /// An item of a list.
    Index(&'a Path<'a>, usize),
}

impl Path<'_> {
    /// The path of struct fields alone, as `encoding/json` prints it: `spec.template.spec.containers.name`.
    pub(crate) fn go(&self) -> String {
        match self {
            Self::Root => String::new(),
            Self::Key(parent, _) | Self::Index(parent, _) => parent.go(),
            Self::Field(parent, name) => match parent.go() {
                start if start.is_empty() => (*name).to_owned(),
                start => format!("{start}.{name}"),
            },
        }
    }

    /// The path of a member of this one.
    pub(crate) fn member(&self, name: &str) -> String {
        Path::Field(self, name).to_string()
    }
}

/// As strict decoding prints it: `spec.template.spec.containers[0].name`.
impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Index(parent, index) => write!(f, "{parent}[{index}]"),
            Self::Field(Self::Root, name) | Self::Key(Self::Root, name) => f.write_str(name),
            Self::Field(parent, name) | Self::Key(parent, name) => write!(f, "{parent}.{name}"),
        }
    }
}
