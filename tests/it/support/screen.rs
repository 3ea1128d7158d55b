//! What a terminal would show: as much of one as the program uses, and a complaint about the rest.

use unicode_width::UnicodeWidthChar as _;

/// A screen of so many columns and rows, and how it came to look like this.
pub struct Screen {
    cells: Vec<Vec<char>>,
    columns: usize,
    /// The cursor. At the end of a full line it stands beyond the last column.
    row: usize,
    column: usize,
    /// The alternate screen is open.
    pub alternate: bool,
    /// The cursor is to be seen.
    pub cursor: bool,
    /// The screen at the end of each frame.
    pub frames: Vec<Vec<String>>,
    /// Characters that had no room left in their line.
    pub overruns: usize,
    /// Lines that had no room left on the screen.
    pub scrolled: usize,
    /// Some text had a colour.
    pub coloured: bool,
    /// What was written after the last sequence that is understood.
    rest: String,
}

impl Screen {
    /// A blank one.
    pub fn new(columns: usize, rows: usize) -> Screen {
        Screen {
            cells: vec![vec![' '; columns]; rows],
            columns,
            row: 0,
            column: 0,
            alternate: false,
            cursor: true,
            frames: Vec::new(),
            overruns: 0,
            scrolled: 0,
            coloured: false,
            rest: String::new(),
        }
    }

    /// All of `output`, shown on a blank screen.
    pub fn showing(output: &str, columns: usize, rows: usize) -> Screen {
        let mut screen = Screen::new(columns, rows);
        screen.write(output);
        screen
    }

    /// The lines, without the blanks at their ends.
    pub fn lines(&self) -> Vec<String> {
        let line = |cells: &Vec<char>| {
            let text: String = cells.iter().filter(|cell| **cell != '\0').collect();
            text.trim_end().to_owned()
        };
        self.cells.iter().map(line).collect()
    }

    /// The last whole frame.
    pub fn frame(&self) -> &[String] {
        self.frames.last().map_or(&[], Vec::as_slice)
    }

    /// Shows more output; a sequence that is cut short waits for its end.
    pub fn write(&mut self, output: &str) {
        let text = std::mem::take(&mut self.rest) + output;
        let mut left = text.as_str();
        while let Some(character) = left.chars().next() {
            left = match character {
                '\x1b' => match self.sequence(left) {
                    Some(after) => after,
                    None => {
                        self.rest = left.to_owned();
                        return;
                    }
                },
                '\r' => {
                    self.column = 0;
                    &left[1..]
                }
                '\n' => {
                    self.line_feed();
                    &left[1..]
                }
                _ => {
                    self.put(character);
                    &left[character.len_utf8()..]
                }
            };
        }
    }

    fn put(&mut self, character: char) {
        let width = character.width();
        let width =
            width.unwrap_or_else(|| panic!("control character {character:?} on a terminal"));
        if self.column + width > self.columns {
            self.overruns += usize::from(self.alternate);
            return;
        }
        if width > 0 {
            let cells = &mut self.cells[self.row][self.column..self.column + width];
            cells.fill('\0');
            cells[0] = character;
        }
        self.column += width;
    }

    fn line_feed(&mut self) {
        if self.row + 1 < self.cells.len() {
            self.row += 1;
        } else {
            self.scrolled += usize::from(self.alternate);
            self.cells.rotate_left(1);
            self.cells[self.row].fill(' ');
        }
    }

    /// `ESC [ parameters final`; `None` when the end is still to come.
    fn sequence<'a>(&mut self, text: &'a str) -> Option<&'a str> {
        let body = match text.get(1..2)? {
            "[" => &text[2..],
            other => panic!("ESC {other:?} is not understood"),
        };
        let end = body.find(|c: char| ('@'..='~').contains(&c))?;
        self.obey(&body[..end], &body[end..=end]);
        Some(&body[end + 1..])
    }

    fn obey(&mut self, parameters: &str, last: &str) {
        // At the end of a full line a terminal erases from the last column on.
        let from = self.column.min(self.columns - 1);
        match (parameters, last) {
            ("?1049", "h") => self.alternate = true,
            ("?1049", "l") => self.alternate = false,
            ("?25", "h") => self.cursor = true,
            ("?25", "l") => self.cursor = false,
            ("?2026", "l") => self.frames.push(self.lines()),
            ("?2026", "h") | ("?7", "h" | "l") => {}
            ("" | "0", "K") => self.cells[self.row][from..].fill(' '),
            ("" | "0", "J") => {
                self.cells[self.row][from..].fill(' ');
                self.cells[self.row + 1..]
                    .iter_mut()
                    .for_each(|row| row.fill(' '));
            }
            (place, "H") => self.go(place),
            (style, "m") => self.coloured |= style.split(';').any(is_colour),
            _ => panic!("ESC [ {parameters} {last} is not understood"),
        }
    }

    fn go(&mut self, place: &str) {
        let (row, column) = place.split_once(';').unwrap_or(("1", "1"));
        let number = |text: &str| text.parse::<usize>().expect("a place on the screen") - 1;
        (self.row, self.column) = (number(row), number(column));
        assert!(
            self.row < self.cells.len() && self.column < self.columns,
            "{place}"
        );
    }
}

/// Of a style, not bold and the like.
fn is_colour(number: &str) -> bool {
    let number = number.parse().unwrap_or(0);
    matches!(number, 30..=38 | 40..=48 | 90..=97 | 100..=107)
}
