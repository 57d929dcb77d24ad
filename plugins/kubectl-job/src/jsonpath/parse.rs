//! The reader of JSONPath templates: a cursor over the text and one function per construct.

use serde_json::Value;

use super::{Comparison, Key, Operand, Part, Path, Step};

type Parsed<T> = Result<T, &'static str>;

/// Parses a whole template.
pub(super) fn template(text: &str) -> Parsed<Vec<Part>> {
    let mut cursor = Cursor { rest: text };
    let parts = parts(&mut cursor, false)?;
    Ok(parts)
}

struct Cursor<'t> {
    rest: &'t str,
}

impl<'t> Cursor<'t> {
    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let letter = self.peek()?;
        self.rest = &self.rest[letter.len_utf8()..];
        Some(letter)
    }

    fn eat(&mut self, expected: &str) -> bool {
        match self.rest.strip_prefix(expected) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn spaces(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn take_while(&mut self, keep: impl Fn(char) -> bool) -> &'t str {
        let end = self.rest.find(|letter| !keep(letter)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }
}

/// Text and actions up to the end, or up to `{end}` inside a range.
fn parts(cursor: &mut Cursor<'_>, in_range: bool) -> Parsed<Vec<Part>> {
    let mut parts = Vec::new();
    loop {
        let text = cursor.take_while(|letter| letter != '{');
        if !text.is_empty() {
            parts.push(Part::Text(text.to_owned()));
        }
        if !cursor.eat("{") {
            return if in_range { Err("unterminated range") } else { Ok(parts) };
        }
        cursor.spaces();
        if cursor.rest.strip_prefix("end").is_some_and(|rest| rest.trim_start().starts_with('}')) {
            cursor.eat("end");
            close(cursor)?;
            return if in_range { Ok(parts) } else { Err("not in range, nothing to end") };
        }
        if cursor.eat("range ") {
            let path = path(cursor)?;
            close(cursor)?;
            let body = self::parts(cursor, true)?;
            parts.push(Part::Range(path, body));
            continue;
        }
        action(cursor, &mut parts)?;
    }
}

/// One `{...}`: paths and quoted texts.
fn action(cursor: &mut Cursor<'_>, parts: &mut Vec<Part>) -> Parsed<()> {
    loop {
        cursor.spaces();
        match cursor.peek() {
            None => return Err("unclosed action"),
            Some('}') => {
                cursor.next();
                return Ok(());
            }
            Some(quote @ ('"' | '\'')) => parts.push(Part::Text(quoted(cursor, quote)?)),
            Some(_) => {
                let before = cursor.rest.len();
                parts.push(Part::Path(path(cursor)?));
                if cursor.rest.len() == before {
                    return Err("unrecognized character in action");
                }
            }
        }
    }
}

fn close(cursor: &mut Cursor<'_>) -> Parsed<()> {
    cursor.spaces();
    if cursor.eat("}") { Ok(()) } else { Err("unclosed action") }
}

/// A quoted text with Go's common escapes.
fn quoted(cursor: &mut Cursor<'_>, quote: char) -> Parsed<String> {
    cursor.next();
    let mut text = String::new();
    loop {
        match cursor.next().ok_or("unterminated quoted string")? {
            '\\' => text.push(match cursor.next().ok_or("unterminated quoted string")? {
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                other => other,
            }),
            letter if letter == quote => return Ok(text),
            letter => text.push(letter),
        }
    }
}

/// A path: `.a.b[0]..c`, with `$` or `@` in front of it passed over.
fn path(cursor: &mut Cursor<'_>) -> Parsed<Path> {
    let mut steps = Vec::new();
    if !cursor.eat("$") {
        cursor.eat("@");
    }
    loop {
        if cursor.eat("..") {
            steps.push(Step::Descend);
            if !matches!(cursor.peek(), Some('[')) {
                steps.push(field(cursor)?);
            }
        } else if cursor.eat(".") {
            // A dot alone, as in `{.}`, is the object itself.
            if !matches!(cursor.peek(), None | Some('}' | ' ' | ')' | '[')) {
                steps.push(field(cursor)?);
            }
        } else if cursor.eat("[") {
            steps.push(bracket(cursor)?);
        } else {
            return Ok(steps);
        }
    }
}

fn field(cursor: &mut Cursor<'_>) -> Parsed<Step> {
    if cursor.eat("*") {
        return Ok(Step::Wildcard);
    }
    let mut name = String::new();
    while let Some(letter) = cursor.peek() {
        match letter {
            '\\' => {
                cursor.next();
                name.push(cursor.next().ok_or("a backslash ends the path")?);
            }
            '.' | '[' | ']' | '}' | '{' | ' ' | ')' | '=' | '!' | '<' | '>' | ',' | '"' | '\'' => break,
            _ => {
                cursor.next();
                name.push(letter);
            }
        }
    }
    if name.is_empty() { Err("a field name is missing after the dot") } else { Ok(Step::Field(name)) }
}

/// What stands between `[` and `]`.
fn bracket(cursor: &mut Cursor<'_>) -> Parsed<Step> {
    cursor.spaces();
    if cursor.eat("?(") {
        return filter(cursor);
    }
    if cursor.eat("*") {
        return end(cursor, Step::Wildcard);
    }
    let mut keys = Vec::new();
    loop {
        cursor.spaces();
        if let Some(quote @ ('"' | '\'')) = cursor.peek() {
            keys.push(Key::Name(quoted(cursor, quote)?));
        } else {
            let first = integer(cursor)?;
            if keys.is_empty() && cursor.eat(":") {
                return slice(cursor, first);
            }
            keys.push(Key::Index(first.ok_or("invalid array index")?));
        }
        cursor.spaces();
        if !cursor.eat(",") {
            return end(cursor, Step::Union(keys));
        }
    }
}

fn slice(cursor: &mut Cursor<'_>, from: Option<i64>) -> Parsed<Step> {
    let to = integer(cursor)?;
    let step = if cursor.eat(":") { integer(cursor)?.unwrap_or(1) } else { 1 };
    if step < 1 {
        return Err("step must be > 0");
    }
    end(cursor, Step::Slice(from, to, step))
}

fn end(cursor: &mut Cursor<'_>, step: Step) -> Parsed<Step> {
    cursor.spaces();
    if cursor.eat("]") { Ok(step) } else { Err("unterminated array") }
}

fn integer(cursor: &mut Cursor<'_>) -> Parsed<Option<i64>> {
    let text = cursor.take_while(|letter| letter.is_ascii_digit() || letter == '-');
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| "invalid array index")
}

/// `?(@.a=="b")`; the opening is already read.
fn filter(cursor: &mut Cursor<'_>) -> Parsed<Step> {
    let left = operand(cursor)?;
    cursor.spaces();
    let comparison = comparison(cursor);
    let condition = match comparison {
        Some(comparison) => Some((comparison, operand(cursor)?)),
        None => None,
    };
    cursor.spaces();
    if !cursor.eat(")") {
        return Err("unterminated filter");
    }
    end(cursor, Step::Filter(left, condition))
}

fn comparison(cursor: &mut Cursor<'_>) -> Option<Comparison> {
    // The longer signs first, since `<` begins `<=`.
    let signs = [
        ("==", Comparison::Equal),
        ("!=", Comparison::NotEqual),
        ("<=", Comparison::LessOrEqual),
        (">=", Comparison::GreaterOrEqual),
        ("<", Comparison::Less),
        (">", Comparison::Greater),
    ];
    signs.into_iter().find_map(|(sign, comparison)| cursor.eat(sign).then_some(comparison))
}

fn operand(cursor: &mut Cursor<'_>) -> Parsed<Operand> {
    cursor.spaces();
    match cursor.peek() {
        None => Err("unterminated filter"),
        Some('@' | '$' | '.') => Ok(Operand::Path(path(cursor)?)),
        Some(quote @ ('"' | '\'')) => Ok(Operand::Literal(Value::String(quoted(cursor, quote)?))),
        Some(_) => {
            let word = cursor.take_while(|letter| !matches!(letter, ' ' | ')' | '=' | '!' | '<' | '>'));
            let literal = serde_json::from_str(word).map_err(|_| "unrecognized literal in filter")?;
            Ok(Operand::Literal(literal))
        }
    }
}
