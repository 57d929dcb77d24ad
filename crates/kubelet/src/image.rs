//! From image and command to a program of this host. Pure but for the look at the file system in [`find_program`].
//!
//! Differs: an image is a name, not a download. What runs is the container's `command`, found on this host. A container
//! without one needs a rule that maps its image to a program, or `args` that begin with a program, as for the many images
//! (busybox, debian) that have no entry point of their own.

use std::path::{Path, PathBuf};

/// One `--map-image NAME=PROGRAM`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageRule {
    /// An image as written in the pod, the same without its tag, or a pattern with `*`.
    pub image: String,
    /// The program that stands for the image's entry point.
    pub program: PathBuf,
}

/// A rule that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("image rule {0:?} is not of the form NAME=PROGRAM")]
pub struct BadRule(pub String);

impl std::str::FromStr for ImageRule {
    type Err = BadRule;

    fn from_str(text: &str) -> Result<Self, BadRule> {
        match text.split_once('=') {
            Some((image, program)) if !image.is_empty() && !program.is_empty() => {
                Ok(Self { image: image.to_owned(), program: program.into() })
            }
            _ => Err(BadRule(text.to_owned())),
        }
    }
}

impl ImageRule {
    fn matches(&self, image: &str) -> bool {
        matches_pattern(&self.image, image) || matches_pattern(&self.image, without_tag(image))
    }
}

/// The name without `:TAG` and `@DIGEST`; a port in the registry's name is no tag.
fn without_tag(image: &str) -> &str {
    let name = image.split_once('@').map_or(image, |(name, _)| name);
    match name.rfind(':') {
        Some(colon) if !name[colon..].contains('/') => &name[..colon],
        _ => name,
    }
}

/// `*` stands for any text. Linear in the text for each star.
fn matches_pattern(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut last = None;
    for part in parts {
        if let Some(middle) = last.replace(part) {
            match rest.find(middle) {
                Some(at) => rest = &rest[at + middle.len()..],
                None => return false,
            }
        }
    }
    match last {
        None => rest.is_empty(),
        Some(last) => rest.ends_with(last),
    }
}

/// The pod's address, for programs that stand for an image, so that they can bind it: the image's own program would have
/// a network to itself and bind all addresses.
///
/// Differs: upstream gives it to those alone whose spec asks for `status.podIP`, as do all other containers here.
pub const POD_IP_VARIABLE: &str = "KUBECTL_JOB_POD_IP";

/// What to run, before it is looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// These words; the first names the program.
    Words(Vec<String>),
    /// There is no command, and no rule for the image: the text says what to do about it.
    Unmapped(String),
}

/// Chooses what to run: `command` before the image's rule, `args` after either, or by themselves. Arguments that begin
/// with an option are meant for an entry point, and there is none.
pub fn entry(image: &str, command: &[String], args: &[String], rules: &[ImageRule]) -> Entry {
    let mut words = command.to_vec();
    if words.is_empty() {
        match rules.iter().find(|rule| rule.matches(image)) {
            Some(rule) => words.push(rule.program.to_string_lossy().into_owned()),
            None if args.first().is_some_and(|word| !word.starts_with('-')) => {}
            None => return Entry::Unmapped(unmapped(image)),
        }
    }
    words.extend_from_slice(args);
    Entry::Words(words)
}

/// Whether a rule's program runs in place of an image's entry point.
pub(crate) fn is_mapped(image: &str, command: &[String], rules: &[ImageRule]) -> bool {
    command.is_empty() && rules.iter().any(|rule| rule.matches(image))
}

fn unmapped(image: &str) -> String {
    format!(
        "image {image:?} is not downloaded: pods run as local processes. Give the container a `command:`, \
         or map the image to a local program with `--map-image {image}=PROGRAM`"
    )
}

/// Finds a program as `execvp` would: a name with a slash as it is (relative to `cwd`), else along `path`.
///
/// # Errors
/// Upstream's text (Go's `os/exec`) when there is no such program.
pub fn find_program(name: &str, path: &str, cwd: &Path) -> Result<PathBuf, String> {
    if name.contains('/') {
        return Ok(cwd.join(name));
    }
    let found =
        path.split(':').filter(|directory| !directory.is_empty()).map(|directory| cwd.join(directory).join(name));
    found.into_iter().find(|program| is_executable(program)).ok_or_else(|| not_found(name))
}

fn not_found(name: &str) -> String {
    format!("exec: {name:?}: executable file not found in $PATH")
}

fn is_executable(program: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(program).is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn rules_match_names_with_and_without_tag_and_stars() {
        let cases = [
            ("perl", "perl", true),
            ("perl", "perl:5.34", true),
            ("perl:5.34", "perl:5.36", false),
            ("perl", "perl@sha256:ab", true),
            ("perl", "perlx", false),
            ("localhost:5000/app", "localhost:5000/app:v1", true),
            ("localhost", "localhost:5000/app", false),
            ("*/app:*", "registry/team/app:v1", true),
            ("*", "anything:at/all", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c", false),
            ("ab*ba", "aba", false),
        ];
        for (rule, image, expected) in cases {
            let rule: ImageRule = format!("{rule}=/bin/x").parse().unwrap();
            assert_eq!(rule.matches(image), expected, "{rule:?} {image}");
        }
        assert!("no-program".parse::<ImageRule>().is_err());
    }

    #[test]
    fn command_wins_over_rule_and_args_follow_either() {
        let rules = ["app=/opt/app".parse().unwrap()];
        let cases = [
            (words(&["run"]), words(&["x"]), Entry::Words(words(&["run", "x"]))),
            (words(&[]), words(&["x"]), Entry::Words(words(&["/opt/app", "x"]))),
        ];
        for (command, args, expected) in cases {
            assert_eq!(entry("app:v2", &command, &args, &rules), expected);
        }
        for args in [words(&[]), words(&["--serve"])] {
            let Entry::Unmapped(text) = entry("other", &[], &args, &rules) else { panic!("no rule names it") };
            assert!(text.contains("`command:`") && text.contains("--map-image other=PROGRAM"), "{text}");
        }
    }

    #[test]
    fn arguments_run_by_themselves_where_nothing_is_known_of_the_image() {
        let args = words(&["sleep", "1"]);
        assert_eq!(entry("busybox", &[], &args, &[]), Entry::Words(args));
    }

    #[test]
    fn program_is_found_along_the_given_path() {
        assert_eq!(find_program("sh", "/nowhere:/bin", Path::new("/")), Ok("/bin/sh".into()));
        assert_eq!(find_program("./x", "/bin", Path::new("/srv")), Ok("/srv/./x".into()));
        let missing = find_program("no-such", "/bin", Path::new("/"));
        assert_eq!(missing, Err("exec: \"no-such\": executable file not found in $PATH".to_owned()));
    }
}
