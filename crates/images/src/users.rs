//! Who a program of an image runs as: `USER`, `UID`, `USER:GROUP`, as its config or its own `/etc/passwd` has it.

use std::io::Read;
use std::path::Path;

use crate::tree::Tree;

/// Longer lists of users are cut off.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// A user with what belongs to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// User id.
    pub user: u32,
    /// The id of its first group.
    pub group: u32,
    /// Further groups that `/etc/group` lists it in.
    pub groups: Vec<u32>,
    /// Its home directory, if `/etc/passwd` has one.
    pub home: Option<String>,
}

/// The image knows no such user or group.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unable to find {kind} {name}: no matching entries in {file} file")]
pub struct NoSuchUser {
    kind: &'static str,
    name: String,
    file: &'static str,
}

/// Looks up who a text such as `USER:GROUP` is in a root file system; empty is root.
///
/// # Errors
/// When a name, not a number, is unknown.
pub fn identity(root: &Path, text: &str) -> Result<Identity, NoSuchUser> {
    let read = |path: &str| {
        let mut text = Vec::new();
        let file = Tree::open(root).and_then(|tree| tree.read(Path::new(path)));
        let _ = file.and_then(|file| file.take(FILE_BYTES_MAX).read_to_end(&mut text));
        String::from_utf8_lossy(&text).into_owned()
    };
    find(&read("etc/passwd"), &read("etc/group"), text)
}

fn find(passwd: &str, group: &str, text: &str) -> Result<Identity, NoSuchUser> {
    let (user, own_group) = text.split_once(':').map_or((text, ""), |(user, group)| (user, group));
    let user = if user.is_empty() { "0" } else { user };
    let number = user.parse::<u32>().ok();
    let lines = passwd.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let entry = lines.filter(|fields| fields.len() >= 4).find(|fields| match number {
        Some(number) => fields[2].parse() == Ok(number),
        None => fields[0] == user,
    });
    let mut found = Identity::default();
    match (&entry, number) {
        (Some(fields), _) => {
            found.user = fields[2].parse().unwrap_or_default();
            found.group = fields[3].parse().unwrap_or_default();
            found.home = fields.get(5).filter(|home| !home.is_empty()).map(|home| (*home).to_owned());
        }
        (None, Some(number)) => found.user = number,
        (None, None) => return Err(NoSuchUser { kind: "user", name: user.to_owned(), file: "passwd" }),
    }
    if !own_group.is_empty() {
        found.group = group_id(group, own_group)?;
    } else if let Some(fields) = &entry {
        found.groups = groups_of(group, fields[0], found.group);
    }
    Ok(found)
}

fn group_id(group: &str, name: &str) -> Result<u32, NoSuchUser> {
    if let Ok(number) = name.parse() {
        return Ok(number);
    }
    let mut lines = group.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let id = lines.find(|fields| fields[0] == name).and_then(|fields| fields.get(2)?.parse().ok());
    id.ok_or_else(|| NoSuchUser { kind: "group", name: name.to_owned(), file: "group" })
}

fn groups_of(group: &str, user: &str, first: u32) -> Vec<u32> {
    let lines = group.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let with_user = lines.filter(|fields| fields.get(3).is_some_and(|users| users.split(',').any(|name| name == user)));
    with_user.filter_map(|fields| fields[2].parse().ok()).filter(|id| *id != first).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_found_by_name_and_by_number() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\napp:x:7:8:App:/srv:/bin/sh\n";
        let group = "root:x:0:\nwww:x:9:other,app\nstaff:x:10:\n";
        let of = |text| find(passwd, group, text);
        let app = Identity { user: 7, group: 8, groups: vec![9], home: Some("/srv".to_owned()) };
        let root = Identity { home: Some("/root".to_owned()), ..Identity::default() };
        assert_eq!(
            (of("app"), of("7"), of(""), of("0")),
            (Ok(app.clone()), Ok(app.clone()), Ok(root.clone()), Ok(root))
        );
        assert_eq!(of("app:staff"), Ok(Identity { group: 10, groups: vec![], ..app.clone() }));
        assert_eq!(of("app:77"), Ok(Identity { group: 77, groups: vec![], ..app }));
        assert_eq!(of("1234"), Ok(Identity { user: 1234, ..Identity::default() }));
        assert_eq!(of("none").unwrap_err().to_string(), "unable to find user none: no matching entries in passwd file");
        assert_eq!(
            of("app:none").unwrap_err().to_string(),
            "unable to find group none: no matching entries in group file"
        );
    }
}
