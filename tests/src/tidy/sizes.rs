//! Files under 800 lines without their tests, functions under 70.

use super::rust_text::{self, identifier_offsets, line_of};
use super::{Finding, TextFile};

pub const FILE_LINES_MAX: usize = 800;
pub const FUNCTION_LINES_MAX: usize = 70;

pub fn check(file: &TextFile) -> Vec<Finding> {
    if !file.is_rust() || file.is_test_code() {
        return Vec::new();
    }
    let code = rust_text::split(&file.text).code;
    let code = &code[..rust_text::test_module_offset(&code)];
    let mut findings = Vec::new();
    let lines = code.lines().count();
    if lines > FILE_LINES_MAX {
        let message = format!("{lines} lines without tests, more than {FILE_LINES_MAX}");
        findings.push(Finding::new(file, 1, "file-size", "", message));
    }
    for function in functions(code) {
        if function.lines > FUNCTION_LINES_MAX {
            let message =
                format!("`fn {}` has {} lines, more than {FUNCTION_LINES_MAX}", function.name, function.lines);
            findings.push(Finding::new(file, function.line, "function-size", &function.name, message));
        }
    }
    findings
}

/// A function with a body: where its `fn` stands, and its lines from there to the closing brace.
#[derive(Debug, PartialEq, Eq)]
pub struct Function {
    pub name: String,
    pub line: usize,
    pub lines: usize,
}

/// Every named function with a body in code without comments and strings, nested ones too.
pub fn functions(code: &str) -> Vec<Function> {
    identifier_offsets(code, "fn").filter_map(|offset| function_at(code, offset)).collect()
}

fn function_at(code: &str, offset: usize) -> Option<Function> {
    let signature = code[offset + 2..].trim_start();
    let name: String = signature.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    // `fn(u8) -> u8` is a type, and `r#fn` no keyword.
    if name.is_empty() || code[..offset].ends_with("r#") {
        return None;
    }
    let opening = offset + body_opening(&code[offset..])?;
    let closing = opening + matching_brace(&code[opening..])?;
    let line = line_of(code, offset);
    Some(Function { name, line, lines: line_of(code, closing) - line + 1 })
}

/// The offset of the brace that opens the body; `None` for a declaration that ends in `;`.
fn body_opening(code: &str) -> Option<usize> {
    let mut depth = 0_i32;
    for (offset, byte) in code.bytes().enumerate() {
        match byte {
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth -= 1,
            b';' if depth == 0 => return None,
            b'{' if depth == 0 => return Some(offset),
            _ => {}
        }
    }
    None
}

fn matching_brace(code: &str) -> Option<usize> {
    let mut depth = 0_i32;
    for (offset, byte) in code.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => {
                depth -= 1;
                if depth == 0 {
                    return Some(offset);
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(lines: usize) -> String {
        format!("fn long(a: [u8; 2]) -> u8 {{\n{}}}\n", "    let x = \"}\"; // }\n".repeat(lines - 2))
    }

    #[test]
    fn functions_are_measured_from_fn_to_brace() {
        let code = "trait T { fn a(&self); }\nimpl T for U {\n    fn b<F: Fn(u8) -> u8>(f: F)\n    where\n        F: Copy,\n    {\n        fn c() {}\n    }\n}\ntype D = fn(u8);\n";
        let found = functions(code);
        let named: Vec<_> =
            found.iter().map(|function| (function.name.as_str(), function.line, function.lines)).collect();
        assert_eq!(named, [("b", 3, 6), ("c", 7, 1)]);
    }

    #[test]
    fn a_function_may_have_seventy_lines_and_not_one_more() {
        let fits = TextFile::new("a.rs", &function(70));
        assert_eq!(check(&fits), []);
        let findings = check(&TextFile::new("a.rs", &format!("//! a\n\n{}", function(71))));
        assert_eq!(findings.len(), 1);
        assert_eq!((findings[0].line, findings[0].symbol.as_str()), (3, "long"));
        assert_eq!(findings[0].to_string(), "a.rs:3: function-size: `fn long` has 71 lines, more than 70");
    }

    #[test]
    fn tests_do_not_count() {
        let inline = format!("//! a\n#[cfg(test)]\nmod tests {{\n{}\n{}}}\n", function(100), "// x\n".repeat(900));
        assert_eq!(check(&TextFile::new("a.rs", &inline)), []);
        assert_eq!(check(&TextFile::new("a/tests.rs", &function(100))), []);
        assert_eq!(check(&TextFile::new("a/tests/b.rs", &function(100))), []);
        assert_eq!(check(&TextFile::new("tests/src/b.rs", &function(100))), []);
    }

    #[test]
    fn files_end_at_eight_hundred_lines() {
        assert_eq!(check(&TextFile::new("a.rs", &"// x\n".repeat(800))), []);
        let findings = check(&TextFile::new("a.rs", &"// x\n".repeat(801)));
        assert_eq!(findings.iter().map(|finding| finding.rule).collect::<Vec<_>>(), ["file-size"]);
    }
}
