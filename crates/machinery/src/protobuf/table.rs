//! Reads `messages.txt`, once. The table is part of the program, so a line that cannot be read is a bug.

use std::collections::HashMap;
use std::sync::OnceLock;

const TABLE: &str = include_str!("messages.txt");

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    String,
    Int32,
    Int64,
    Bool,
    Double,
    Bytes,
    Time,
    MicroTime,
    Quantity,
    IntOrString,
    RawExtension,
    FieldsV1,
    /// A message that JSON shows as the list within it (`ExtraValue`).
    ExtraValue,
    Message(usize),
}

/// How often a field occurs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Card {
    /// Once; a scalar zero is the same as absent.
    Plain,
    /// Once; a scalar zero is a value.
    Pointer,
    Repeated,
    Map,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    pub(super) number: u32,
    /// The JSON name; `None` when the message's fields stand inline in the parent.
    pub(super) name: Option<&'static str>,
    pub(super) card: Card,
    pub(super) form: Form,
}

#[derive(Debug)]
pub(super) struct Message {
    /// Ordered by number.
    pub(super) fields: Vec<Field>,
}

impl Message {
    pub(super) fn field(&self, number: u32) -> Option<&Field> {
        let index = self.fields.binary_search_by_key(&number, |field| field.number).ok()?;
        Some(&self.fields[index])
    }
}

pub(super) struct Table {
    messages: Vec<Message>,
    by_name: HashMap<&'static str, usize>,
}

impl Table {
    pub(super) fn find(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    pub(super) fn get(&self, id: usize) -> &Message {
        &self.messages[id]
    }
}

pub(super) fn messages() -> &'static Table {
    static MESSAGES: OnceLock<Table> = OnceLock::new();
    MESSAGES.get_or_init(read)
}

fn read() -> Table {
    let lines = || TABLE.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let names = lines().filter(|line| !line.starts_with(' '));
    let by_name: HashMap<&str, usize> = names.enumerate().map(|(id, name)| (name, id)).collect();
    let mut messages: Vec<Message> = Vec::with_capacity(by_name.len());
    for line in lines() {
        if let Some(field) = line.strip_prefix(' ') {
            let message = messages.last_mut().expect("a field line follows a message line");
            message.fields.push(read_field(field, &by_name));
        } else {
            messages.push(Message { fields: Vec::new() });
        }
    }
    Table { messages, by_name }
}

fn read_field(line: &'static str, by_name: &HashMap<&'static str, usize>) -> Field {
    let mut words = line.split(' ');
    let mut word = || words.next().expect("a field line is NUMBER NAME TYPE");
    let (number, name, ty) = (word(), word(), word());
    let prefixes = [("*", Card::Pointer), ("[]", Card::Repeated), ("{}", Card::Map)];
    let prefixed = prefixes.iter().find_map(|(prefix, card)| Some((*card, ty.strip_prefix(prefix)?)));
    let (card, ty) = prefixed.unwrap_or((Card::Plain, ty));
    Field {
        number: number.parse().expect("a field line begins with a number"),
        name: (name != "-").then_some(name),
        card,
        form: form(ty, by_name),
    }
}

fn form(ty: &str, by_name: &HashMap<&'static str, usize>) -> Form {
    match ty {
        "string" => Form::String,
        "int32" => Form::Int32,
        "int64" => Form::Int64,
        "bool" => Form::Bool,
        "double" => Form::Double,
        "bytes" => Form::Bytes,
        "Quantity" => Form::Quantity,
        "IntOrString" => Form::IntOrString,
        "RawExtension" => Form::RawExtension,
        "meta.v1.Time" => Form::Time,
        "meta.v1.MicroTime" => Form::MicroTime,
        "meta.v1.FieldsV1" => Form::FieldsV1,
        _ if ty.ends_with(".ExtraValue") => Form::ExtraValue,
        _ => Form::Message(by_name.get(ty).copied().expect("a field's type is a message of the table")),
    }
}
