//! A sandbox on the wire.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::{Input, put_bytes, put_u32};
use crate::runtime::sandbox::{Mount, Root, Sandbox};

/// No id of a user or group: the kernel keeps this number for "none" too.
const NONE: u32 = u32::MAX;

const OWN_NETWORK: u8 = 1;
const READ_ONLY: u8 = 2;
const HAS_ROOT: u8 = 4;
const SHARES_PROCESSES: u8 = 64;
const HAS_LAYER: u8 = 8;
const HAS_CAPABILITIES: u8 = 16;
const NO_NEW_PRIVILEGES: u8 = 32;

/// Appends a sandbox, or that there is none.
pub(super) fn encode(out: &mut Vec<u8>, sandbox: Option<&Sandbox>) {
    let Some(sandbox) = sandbox else { return out.push(0) };
    out.push(1);
    put_bytes(out, sandbox.hostname.as_bytes());
    out.extend_from_slice(&sandbox.user.unwrap_or(NONE).to_le_bytes());
    out.extend_from_slice(&sandbox.group.unwrap_or(NONE).to_le_bytes());
    let flag = |set: bool, bit: u8| if set { bit } else { 0 };
    out.push(
        flag(sandbox.own_network, OWN_NETWORK)
            | flag(sandbox.shares_processes, SHARES_PROCESSES)
            | flag(sandbox.read_only_root, READ_ONLY)
            | flag(sandbox.root.is_some(), HAS_ROOT)
            | flag(sandbox.root.as_ref().is_some_and(|root| root.layer.is_some()), HAS_LAYER)
            | flag(sandbox.capabilities.is_some(), HAS_CAPABILITIES)
            | flag(sandbox.no_new_privileges, NO_NEW_PRIVILEGES),
    );
    if let Some(root) = &sandbox.root {
        put_path(out, &root.base);
        root.layer.iter().for_each(|layer| put_path(out, layer));
    }
    out.extend(sandbox.capabilities.iter().flat_map(|kept| kept.to_le_bytes()));
    put_u32(out, sandbox.groups.len());
    sandbox.groups.iter().for_each(|group| out.extend_from_slice(&group.to_le_bytes()));
    put_u32(out, sandbox.mounts.len());
    for mount in &sandbox.mounts {
        for path in [&mount.target, &mount.source, &mount.sub_path] {
            put_path(out, path);
        }
        out.push(flag(mount.read_only, READ_ONLY));
    }
}

/// Reads what [`encode`] wrote: `None` where the frame is cut short.
#[expect(clippy::option_option, reason = "a frame without a sandbox and a broken frame are two things")]
pub(super) fn decode(input: &mut Input<'_>) -> Option<Option<Sandbox>> {
    if input.u8()? == 0 {
        return Some(None);
    }
    let hostname = input.text()?.into_string().ok()?;
    let mut id = || Some(Some(input.u32()?).filter(|id| *id != NONE));
    let (user, group) = (id()?, id()?);
    let flags = input.u8()?;
    let root = if flags & HAS_ROOT == 0 { None } else { Some(root(input, flags)?) };
    let capabilities = if flags & HAS_CAPABILITIES == 0 { None } else { Some(input.u64()?) };
    let groups = (0..input.u32()?).map(|_| input.u32()).collect::<Option<Vec<_>>>()?;
    let mounts = (0..input.u32()?).map(|_| mount(input)).collect::<Option<Vec<_>>>()?;
    let (own_network, read_only_root) = (flags & OWN_NETWORK != 0, flags & READ_ONLY != 0);
    let shares_processes = flags & SHARES_PROCESSES != 0;
    let no_new_privileges = flags & NO_NEW_PRIVILEGES != 0;
    Some(Some(Sandbox {
        hostname,
        user,
        group,
        own_network,
        shares_processes,
        groups,
        capabilities,
        no_new_privileges,
        root,
        read_only_root,
        mounts,
    }))
}

fn root(input: &mut Input<'_>, flags: u8) -> Option<Root> {
    let base = path(input)?;
    let layer = if flags & HAS_LAYER == 0 { None } else { Some(path(input)?) };
    Some(Root { base, layer })
}

fn mount(input: &mut Input<'_>) -> Option<Mount> {
    let (target, source, sub_path) = (path(input)?, path(input)?, path(input)?);
    Some(Mount { target, source, sub_path, read_only: input.u8()? & READ_ONLY != 0 })
}

fn path(input: &mut Input<'_>) -> Option<PathBuf> {
    input.text().map(PathBuf::from)
}

fn put_path(out: &mut Vec<u8>, path: &Path) {
    put_bytes(out, path.as_os_str().as_bytes());
}
