//! Splits Rust text into code and comments, so that a rule about code never trips over a string.
//!
//! A scanner of a hundred lines, not a parser: it knows comments, strings, raw strings, characters and lifetimes, and
//! keeps every line where it was. What it cannot tell apart (macros' own grammars) the rules do not need.

/// The same text twice, byte for byte as long as the original with its lines where they were: once with everything but
/// the code blanked out, once with everything but the comments.
#[derive(Debug)]
pub struct Split {
    pub code: String,
    pub comments: String,
}

/// What the bytes from some place on are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Code,
    Comment,
    Literal,
}

pub fn split(text: &str) -> Split {
    let bytes = text.as_bytes();
    let mut code = Vec::with_capacity(bytes.len());
    let mut comments = Vec::with_capacity(bytes.len());
    let mut position = 0;
    while position < bytes.len() {
        let (kind, length) = token_at(bytes, position);
        for &byte in &bytes[position..(position + length).min(bytes.len())] {
            let blank = if byte == b'\n' { b'\n' } else { b' ' };
            code.push(if kind == Kind::Code { byte } else { blank });
            comments.push(if kind == Kind::Comment { byte } else { blank });
        }
        position += length;
    }
    // Blanking whole tokens keeps the rest valid UTF-8; a cut inside a character would show up as a replacement mark.
    Split {
        code: String::from_utf8_lossy(&code).into_owned(),
        comments: String::from_utf8_lossy(&comments).into_owned(),
    }
}

/// The kind and length in bytes of what starts at `position`.
fn token_at(bytes: &[u8], position: usize) -> (Kind, usize) {
    let rest = &bytes[position..];
    if rest.starts_with(b"//") {
        let length = rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len());
        return (Kind::Comment, length);
    }
    if rest.starts_with(b"/*") {
        return (Kind::Comment, block_comment_length(rest));
    }
    let after_identifier = position > 0 && is_identifier(bytes[position - 1]);
    if !after_identifier && let Some(length) = prefixed_string_length(rest) {
        return (Kind::Literal, length);
    }
    match rest[0] {
        b'"' => (Kind::Literal, quoted_length(rest, b'"')),
        b'\'' => character_length(rest).map_or((Kind::Code, 1), |length| (Kind::Literal, length)),
        _ => (Kind::Code, 1),
    }
}

fn block_comment_length(rest: &[u8]) -> usize {
    let mut depth = 0;
    let mut position = 0;
    while position < rest.len() {
        if rest[position..].starts_with(b"/*") {
            depth += 1;
            position += 2;
        } else if rest[position..].starts_with(b"*/") {
            depth -= 1;
            position += 2;
            if depth == 0 {
                return position;
            }
        } else {
            position += 1;
        }
    }
    rest.len()
}

/// The length of `r"…"`, `r#"…"#`, `b"…"`, `br"…"`, `c"…"` and their like, if one starts here.
fn prefixed_string_length(rest: &[u8]) -> Option<usize> {
    let mut prefix = usize::from(matches!(rest[0], b'b' | b'c'));
    if rest.get(prefix) == Some(&b'r') {
        prefix += 1;
        let hashes = rest[prefix..].iter().take_while(|&&byte| byte == b'#').count();
        if rest.get(prefix + hashes) != Some(&b'"') {
            return None;
        }
        let mut closing = vec![b'"'];
        closing.resize(1 + hashes, b'#');
        let body = prefix + hashes + 1;
        let end = rest[body..].windows(closing.len()).position(|window| window == closing);
        return Some(end.map_or(rest.len(), |end| body + end + closing.len()));
    }
    if prefix == 1 && rest.get(1) == Some(&b'"') {
        return Some(1 + quoted_length(&rest[1..], b'"'));
    }
    None
}

/// The length of a quoted literal, its quotes included; a backslash hides the byte after it.
fn quoted_length(rest: &[u8], quote: u8) -> usize {
    let mut position = 1;
    while position < rest.len() {
        match rest[position] {
            b'\\' => position += 2,
            byte if byte == quote => return position + 1,
            _ => position += 1,
        }
    }
    rest.len()
}

/// The length of a character literal, or `None` where the quote opens a lifetime or a label.
fn character_length(rest: &[u8]) -> Option<usize> {
    if rest.get(1) == Some(&b'\\') {
        return Some(quoted_length(rest, b'\''));
    }
    let text = std::str::from_utf8(rest.get(1..rest.len().min(6))?);
    let valid = match &text {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&rest[1..1 + error.valid_up_to()]).ok()?,
    };
    let length = 1 + valid.chars().next()?.len_utf8();
    (rest.get(length) == Some(&b'\'')).then_some(length + 1)
}

fn is_identifier(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// The line, counted from 1, that the byte at `offset` stands in.
pub fn line_of(text: &str, offset: usize) -> usize {
    text.as_bytes()[..offset].iter().filter(|&&byte| byte == b'\n').count() + 1
}

/// The offsets at which `word` stands in `code` as a whole identifier.
pub fn identifier_offsets<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let bytes = code.as_bytes();
    code.match_indices(word).map(|(offset, _)| offset).filter(move |&offset| {
        let before = offset == 0 || !is_identifier(bytes[offset - 1]);
        let after = bytes.get(offset + word.len()).is_none_or(|&byte| !is_identifier(byte));
        before && after
    })
}

/// The offset at which the inline test module starts (`#[cfg(test)]` before a `mod … {`), or the length of the text.
pub fn test_module_offset(code: &str) -> usize {
    code.match_indices("#[cfg(test)]")
        .map(|(offset, attribute)| (offset, &code[offset + attribute.len()..]))
        .find(|(_, after)| {
            let item = after.trim_start();
            let end = item.find(['{', ';']).unwrap_or(item.len());
            item.starts_with("mod ") && item[end..].starts_with('{')
        })
        .map_or(code.len(), |(offset, _)| offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_and_comments_are_told_apart() {
        let text = "let a = \"// no {\"; // yes {\n/* one /* two */ still */ let b = 'x';\nlet c = r#\"\"{\"#;\n";
        let Split { code, comments } = split(text);
        assert_eq!(code.len(), text.len());
        assert_eq!(comments.len(), text.len());
        assert_eq!(code.matches('{').count(), 0);
        assert!(comments.contains("// yes {") && comments.contains("still */") && !comments.contains("no {"));
        assert!(code.contains("let b =") && code.contains("let c ="));
        assert_eq!(code.lines().count(), 3);
    }

    #[test]
    fn quotes_that_open_no_string() {
        let code = split("fn f<'a>(x: &'a str) -> char { '{' } 'outer: loop { '\\'' } r#fn br\"{\" b'{' '→' 'é'").code;
        assert_eq!(code.matches('{').count(), 2);
        assert!(code.contains("<'a>") && code.contains("'outer: loop") && code.contains("r#fn"));
    }

    #[test]
    fn an_identifier_that_ends_in_r_opens_no_raw_string() {
        assert!(split("macro_for\"text\"; b").code.contains("macro_for"));
        assert!(split("for\"{\" x").code.contains(" x"));
    }

    #[test]
    fn identifiers_are_whole_words() {
        let code = "fn fnord() { self.fn_name; } fn";
        assert_eq!(identifier_offsets(code, "fn").collect::<Vec<_>>(), [0, 29]);
        assert_eq!(line_of("a\nb\nc", 4), 3);
    }

    #[test]
    fn the_test_module_is_found_and_a_test_file_is_not() {
        let inline = "fn a() {}\n#[cfg(test)]\nuse x;\n#[cfg(test)]\nmod tests {\n}";
        assert_eq!(&inline[test_module_offset(inline)..], "#[cfg(test)]\nmod tests {\n}");
        let outside = "fn a() {}\n#[cfg(test)]\nmod tests;\nfn b() {}";
        assert_eq!(test_module_offset(outside), outside.len());
    }
}
