//! The words of a filter.

/// Each with its byte offset. Parentheses, `!`, `&`, `|` and comparisons need no spaces around
/// them.
pub fn words(text: &str) -> Vec<(usize, &str)> {
    let mut words = Vec::new();
    let mut at = 0;
    while let Some(start) = text[at..]
        .find(|c: char| !c.is_whitespace())
        .map(|skip| at + skip)
    {
        let length = word_length(&text[start..]);
        words.push((start, &text[start..start + length]));
        at = start + length;
    }
    words
}

fn word_length(text: &str) -> usize {
    const SIGNS: [&str; 14] = [
        "<=", ">=", "!=", "==", "||", "&&", "|", "&", "(", ")", "!", "<", ">", "=",
    ];
    if let Some(sign) = SIGNS.iter().find(|sign| text.starts_with(**sign)) {
        return sign.len();
    }
    let ends = |c: char| c.is_whitespace() || "()!<>=&|".contains(c);
    text.find(ends).unwrap_or(text.len())
}
