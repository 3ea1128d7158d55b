//! The lines of `catalogue.tsv`, parsed at compile time: parsing them at each start took a tenth of
//! a short run.

const TEXT: &str = include_str!("catalogue.tsv");
/// Fields of a line, separated by tabs.
const FIELDS: usize = 5;
/// Number of lines below the header.
pub const COUNT: usize = {
    let (mut lines, mut at) = (0, 0);
    while at < TEXT.len() {
        lines += (TEXT.as_bytes()[at] == b'\n') as usize;
        at += 1;
    }
    lines - 1
};

/// Where each field of a line begins and, last, where the next line does.
static STARTS: [[u32; FIELDS + 1]; COUNT] = starts();
/// A hash table with linear probing, large enough for collisions to be rare.
static BY_NAME: [Option<u16>; COUNT.next_power_of_two() * 2] = by_name();

pub fn field(line: usize, field: usize) -> &'static str {
    let starts = &STARTS[line];
    &TEXT[starts[field] as usize..starts[field + 1] as usize - 1]
}

/// The line whose first field this is.
pub fn find(name: &str) -> Option<usize> {
    let (others, places) = BY_NAME.split_at(hash(name.as_bytes(), 0, name.len()));
    let lines = places.iter().chain(others).map_while(|line| *line);
    lines.map(usize::from).find(|line| field(*line, 0) == name)
}

const fn starts() -> [[u32; FIELDS + 1]; COUNT] {
    let mut starts = [[0; FIELDS + 1]; COUNT];
    let (mut line, mut at) = (0, behind(b'\n', 0));
    while line < COUNT {
        let mut field = 0;
        while field < FIELDS {
            starts[line][field] = at as u32;
            field += 1;
            at = behind(if field < FIELDS { b'\t' } else { b'\n' }, at);
        }
        starts[line][FIELDS] = at as u32;
        line += 1;
    }
    starts
}

const fn behind(byte: u8, mut at: usize) -> usize {
    while TEXT.as_bytes()[at] != byte {
        at += 1;
    }
    at + 1
}

const fn by_name() -> [Option<u16>; BY_NAME.len()] {
    let mut places = [None; BY_NAME.len()];
    let mut line = 0;
    while line < COUNT {
        let (from, next) = (STARTS[line][0] as usize, STARTS[line][1] as usize);
        let mut place = hash(TEXT.as_bytes(), from, next - 1);
        while places[place].is_some() {
            place = (place + 1) % places.len();
        }
        places[place] = Some(line as u16);
        line += 1;
    }
    places
}

/// FNV-1a, as an index into the table.
const fn hash(text: &[u8], mut at: usize, end: usize) -> usize {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    while at < end {
        hash = (hash ^ text[at] as u64).wrapping_mul(0x100_0000_01b3);
        at += 1;
    }
    hash as usize % BY_NAME.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_leads_to_its_line_and_no_other_to_any() {
        for line in 0..COUNT {
            assert_eq!(find(field(line, 0)), Some(line));
        }
        for name in ["", "TcpExt", "TcpExtListenDrop", "TcpExtListenDropsX"] {
            assert_eq!(find(name), None, "{name}");
        }
    }

    #[test]
    fn the_fields_are_those_of_the_file() {
        for (line, text) in TEXT.lines().skip(1).enumerate() {
            let fields: [&str; FIELDS] = std::array::from_fn(|index| field(line, index));
            assert_eq!(fields.join("\t"), text);
        }
    }
}
