//! From an image's name to where its files come from, and from there to what is run. Pure but for the look at the file
//! system in [`find_program`].
//!
//! Differs: unless the user has turned pulls on, an image is a name and not a download. What runs then is the container's
//! `command`, found on this host. A container without one needs a rule that maps its image to something, or `args` that
//! begin with a program, as for the many images (busybox, debian) that have no entry point of their own.

use std::path::{Path, PathBuf};

use images::{Local, Name, RunConfig};

/// One `--map-image NAME=TARGET`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageRule {
    /// An image as written in the pod, the same without its tag, or a pattern with `*`.
    pub image: String,
    /// What stands for the image.
    pub target: Target,
}

/// What a rule maps an image to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A program of this host, for the image's entry point.
    Program(PathBuf),
    /// The host's own files (`host:`), also where other images are pulled.
    Host,
    /// A directory that is the root (`rootfs:DIR`).
    Rootfs(PathBuf),
    /// An image on this machine (`oci:DIR[:TAG]`, `oci-archive:FILE[:TAG]`, `docker-archive:FILE[:NAME]`).
    Local(Local),
}

impl Target {
    fn parse(text: &str) -> Option<Self> {
        let Some((kind, rest)) = text.split_once(':') else { return Some(Self::Program(text.into())) };
        let place = || match rest.split_once(':') {
            Some((path, name)) if !name.is_empty() => (PathBuf::from(path), Some(name.to_owned())),
            _ => (PathBuf::from(rest.trim_end_matches(':')), None),
        };
        let (path, name) = place();
        let is_empty = path.as_os_str().is_empty();
        match kind {
            "host" => rest.is_empty().then_some(Self::Host),
            "rootfs" if !is_empty => Some(Self::Rootfs(rest.into())),
            "oci" if !is_empty => Some(Self::Local(Local::Layout(path, name))),
            "oci-archive" if !is_empty => Some(Self::Local(Local::LayoutArchive(path, name))),
            "docker-archive" if !is_empty => Some(Self::Local(Local::SavedArchive(path, name))),
            "rootfs" | "oci" | "oci-archive" | "docker-archive" => None,
            _ => Some(Self::Program(text.into())),
        }
    }

    /// The same from another working directory: relative paths are made absolute.
    pub fn absolute(text: &str) -> String {
        Self::below(text, Path::new(""))
    }

    /// The same as it is meant from this folder: relative paths are made absolute. A bare name is looked for in PATH.
    pub fn below(text: &str, folder: &Path) -> String {
        const KINDS: [&str; 4] = ["rootfs:", "oci:", "oci-archive:", "docker-archive:"];
        let kind = KINDS.into_iter().find(|kind| text.starts_with(kind)).unwrap_or_default();
        let path = &text[kind.len()..];
        if kind.is_empty() && !path.contains('/') || text == "host:" {
            return text.to_owned();
        }
        let placed = folder.join(path);
        std::path::absolute(placed).map_or_else(|_| text.to_owned(), |path| format!("{kind}{}", path.display()))
    }
}

/// Where the files come from that a container sees, and its program with them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImageSource<'a> {
    /// This host.
    Host,
    /// This host, and this program of it.
    Program(&'a Path),
    /// A directory.
    Rootfs(&'a Path),
    /// An image on this machine.
    Local(&'a Local),
    /// A registry.
    Registry(Name),
    /// Nowhere: only images that a rule maps are there.
    Nowhere,
    /// The name is none; what is wrong with it.
    Invalid(String),
}

/// What becomes of images that no rule maps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unmapped {
    /// The host's programs stand for them.
    #[default]
    Host,
    /// They are pulled from their registries.
    Pull,
    /// They cannot be had, as on a cluster whose registry does not have them.
    Refuse,
}

/// Decides where an image comes from: a rule goes before a pull, and there is none unless `unmapped` says so.
pub fn source<'a>(image: &str, rules: &'a [ImageRule], unmapped: Unmapped) -> ImageSource<'a> {
    if let Some(rule) = rules.iter().find(|rule| rule.matches(image)) {
        return match &rule.target {
            Target::Program(program) => ImageSource::Program(program),
            Target::Host => ImageSource::Host,
            Target::Rootfs(directory) => ImageSource::Rootfs(directory),
            Target::Local(local) => ImageSource::Local(local),
        };
    }
    if let Some(why) = images::bad_name(image) {
        return ImageSource::Invalid(why);
    }
    match unmapped {
        Unmapped::Host => ImageSource::Host,
        Unmapped::Refuse => ImageSource::Nowhere,
        Unmapped::Pull => match Name::parse(image) {
            Ok(name) => ImageSource::Registry(name),
            Err(error) => ImageSource::Invalid(error.to_string()),
        },
    }
}

/// A rule that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("image rule {0:?} is not of the form NAME=TARGET")]
pub struct BadRule(pub String);

impl std::str::FromStr for ImageRule {
    type Err = BadRule;

    fn from_str(text: &str) -> Result<Self, BadRule> {
        let bad = || BadRule(text.to_owned());
        let (image, target) = text.split_once('=').filter(|(image, _)| !image.is_empty()).ok_or_else(bad)?;
        let target = Some(target).filter(|target| !target.is_empty()).and_then(Target::parse).ok_or_else(bad)?;
        Ok(Self { image: image.to_owned(), target })
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

/// Chooses what to run on the host's files: `command` before the image's program, `args` after either, or by
/// themselves. Arguments that begin with an option are meant for an entry point, and there is none.
pub fn entry(image: &str, command: &[String], args: &[String], program: Option<&Path>) -> Entry {
    let mut words = command.to_vec();
    if words.is_empty() {
        match program {
            Some(program) => words.push(program.to_string_lossy().into_owned()),
            None if args.first().is_some_and(|word| !word.starts_with('-')) => {}
            None => return Entry::Unmapped(unmapped(image)),
        }
    }
    words.extend_from_slice(args);
    Entry::Words(words)
}

/// Chooses what to run in an image: a `command` replaces its entry point and its arguments, `args` the arguments.
pub fn entry_of_image(config: &RunConfig, command: &[String], args: &[String]) -> Option<Vec<String>> {
    let (entrypoint, own_args) = match command.is_empty() {
        true => (config.entrypoint.as_slice(), config.cmd.as_slice()),
        false => (command, &[][..]),
    };
    let words = [entrypoint, if args.is_empty() { own_args } else { args }].concat();
    (!words.is_empty()).then_some(words)
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
        let program = Some(Path::new("/opt/app"));
        let cases = [
            (words(&["run"]), words(&["x"]), Entry::Words(words(&["run", "x"]))),
            (words(&[]), words(&["x"]), Entry::Words(words(&["/opt/app", "x"]))),
        ];
        for (command, args, expected) in cases {
            assert_eq!(entry("app:v2", &command, &args, program), expected);
        }
        for args in [words(&[]), words(&["--serve"])] {
            let Entry::Unmapped(text) = entry("other", &[], &args, None) else { panic!("no rule names it") };
            assert!(text.contains("`command:`") && text.contains("--map-image other=PROGRAM"), "{text}");
        }
    }

    #[test]
    fn arguments_run_by_themselves_where_nothing_is_known_of_the_image() {
        let args = words(&["sleep", "1"]);
        assert_eq!(entry("busybox", &[], &args, None), Entry::Words(args));
    }

    #[test]
    fn a_rule_says_what_stands_for_an_image() {
        let local = |kind: fn(PathBuf, Option<String>) -> Local, path: &str, name: Option<&str>| {
            Target::Local(kind(path.into(), name.map(str::to_owned)))
        };
        let cases = [
            ("sh", Target::Program("sh".into())),
            ("/opt/a:b", Target::Program("/opt/a:b".into())),
            ("host:", Target::Host),
            ("rootfs:/srv/root", Target::Rootfs("/srv/root".into())),
            ("oci:/srv/layout", local(Local::Layout, "/srv/layout", None)),
            ("oci:/srv/layout:v1", local(Local::Layout, "/srv/layout", Some("v1"))),
            ("oci-archive:a.tar", local(Local::LayoutArchive, "a.tar", None)),
            ("docker-archive:a.tar:app:v1", local(Local::SavedArchive, "a.tar", Some("app:v1"))),
        ];
        for (text, target) in cases {
            assert_eq!(format!("app={text}").parse(), Ok(ImageRule { image: "app".to_owned(), target }));
        }
        for text in ["app=oci:", "app=rootfs:", "app=host:x", "app=", "=x"] {
            assert_eq!(text.parse::<ImageRule>(), Err(BadRule(text.to_owned())));
        }
    }

    #[test]
    fn a_targets_path_keeps_its_meaning_elsewhere() {
        let here = std::env::current_dir().unwrap();
        for (text, path) in [("./a", "a"), ("oci:b:v1", "b:v1"), ("rootfs:c/d", "c/d")] {
            let kind = text.split_once(':').map_or(String::new(), |(kind, _)| format!("{kind}:"));
            assert_eq!(Target::absolute(text), format!("{kind}{}", here.join(path).display()));
        }
        for text in ["sh", "host:", "/bin/sh"] {
            assert_eq!(Target::absolute(text), text);
        }
    }

    #[test]
    fn images_come_from_rules_then_from_a_registry_that_was_allowed_else_from_the_host() {
        let rules: Vec<ImageRule> =
            ["app=/opt/app", "tool=host:", "disk=rootfs:/srv"].map(|rule| rule.parse().unwrap()).into();
        let registry = || ImageSource::Registry(Name::parse("busybox").unwrap());
        let cases = [
            ("app:v2", Unmapped::Host, ImageSource::Program(Path::new("/opt/app"))),
            ("app:v2", Unmapped::Pull, ImageSource::Program(Path::new("/opt/app"))),
            ("app:v2", Unmapped::Refuse, ImageSource::Program(Path::new("/opt/app"))),
            ("tool", Unmapped::Pull, ImageSource::Host),
            ("disk", Unmapped::Host, ImageSource::Rootfs(Path::new("/srv"))),
            ("busybox", Unmapped::Host, ImageSource::Host),
            ("busybox", Unmapped::Pull, registry()),
            ("busybox", Unmapped::Refuse, ImageSource::Nowhere),
        ];
        for (image, unmapped, expected) in cases {
            assert_eq!(source(image, &rules, unmapped), expected, "{image} {unmapped:?}");
        }
        for unmapped in [Unmapped::Host, Unmapped::Refuse] {
            assert!(matches!(source("a b", &rules, unmapped), ImageSource::Invalid(_)));
        }
    }

    #[test]
    fn an_images_own_words_give_way_to_the_pods() {
        let config = RunConfig { entrypoint: words(&["/entry"]), cmd: words(&["a", "b"]), ..RunConfig::default() };
        let cases = [
            (&[][..], &[][..], &["/entry", "a", "b"][..]),
            (&[], &["x"], &["/entry", "x"]),
            (&["run"], &[], &["run"]),
            (&["run"], &["x"], &["run", "x"]),
        ];
        for (command, args, expected) in cases {
            assert_eq!(entry_of_image(&config, &words(command), &words(args)), Some(words(expected)));
        }
        assert_eq!(entry_of_image(&RunConfig::default(), &[], &[]), None);
    }

    #[test]
    fn program_is_found_along_the_given_path() {
        assert_eq!(find_program("sh", "/nowhere:/bin", Path::new("/")), Ok("/bin/sh".into()));
        assert_eq!(find_program("./x", "/bin", Path::new("/srv")), Ok("/srv/./x".into()));
        let missing = find_program("no-such", "/bin", Path::new("/"));
        assert_eq!(missing, Err("exec: \"no-such\": executable file not found in $PATH".to_owned()));
    }
}
