//! Assembles classic BPF (include/uapi/linux/filter.h; Documentation/networking/filter.rst):
//! instructions in order, with jumps to labels that may be placed later.
//!
//! The machine has an accumulator A, an index X and sixteen words of memory, addressed by the
//! operand k of an instruction. A conditional jump reaches 255 instructions forward, an
//! unconditional one any distance forward.

use libc::sock_filter;

/// `BPF_MAXINSNS`.
pub const MOST: usize = 4096;

/// A = metadata of the packet (`SKF_AD_…`).
pub const LOAD_METADATA: u16 = 0x20;
/// A = the word, half word or byte at X + k; the packet is rejected where it is shorter.
pub const LOAD_WORD: u16 = 0x40;
pub const LOAD_HALF: u16 = 0x48;
pub const LOAD_BYTE: u16 = 0x50;
pub const LOAD_MEMORY: u16 = 0x60;
pub const STORE: u16 = 0x02;
pub const SET_INDEX: u16 = 0x01;
pub const INDEX_FROM_MEMORY: u16 = 0x61;
pub const STORE_INDEX: u16 = 0x03;
pub const INDEX_FROM_A: u16 = 0x07;
pub const A_FROM_INDEX: u16 = 0x87;
pub const ADD: u16 = 0x04;
pub const ADD_INDEX: u16 = 0x0c;
pub const AND: u16 = 0x54;
pub const SHIFT_LEFT: u16 = 0x64;
pub const SHIFT_RIGHT: u16 = 0x74;
/// Accepts k bytes of the packet.
pub const RETURN: u16 = 0x06;
/// Compare A with k, or with X.
pub const EQUAL: u16 = 0x15;
pub const EQUAL_INDEX: u16 = 0x1d;
pub const GREATER: u16 = 0x25;
pub const AT_LEAST: u16 = 0x35;
/// Whether A has any bit of k.
pub const ANY_BIT: u16 = 0x45;
const GO: u16 = 0x05;

#[derive(Debug, Clone, Copy)]
pub struct Label(usize);

#[derive(Default)]
pub struct Assembler {
    lines: Vec<Line>,
    /// The line that each label stands before, once placed.
    labels: Vec<Option<usize>>,
}

enum Line {
    Plain(sock_filter),
    Go(Label),
    /// Where to go when the test holds and when it does not, and which of the two is too far for
    /// the test's own jump.
    Test {
        code: u16,
        k: u32,
        ways: [Label; 2],
        far: [bool; 2],
    },
}

impl Assembler {
    pub fn label(&mut self) -> Label {
        self.labels.push(None);
        Label(self.labels.len() - 1)
    }

    pub fn place(&mut self, label: Label) {
        self.labels[label.0] = Some(self.lines.len());
    }

    pub fn put(&mut self, code: u16, k: u32) {
        self.lines.push(Line::Plain(instruction(code, 0, 0, k)));
    }

    pub fn go(&mut self, to: Label) {
        self.lines.push(Line::Go(to));
    }

    /// Compares A with k and jumps to `yes` or `no`.
    pub fn test(&mut self, code: u16, k: u32, yes: Label, no: Label) {
        self.lines.push(Line::Test {
            code,
            k,
            ways: [yes, no],
            far: [false; 2],
        });
    }

    pub fn test_or_on(&mut self, code: u16, k: u32, yes: Label) {
        let on = self.label();
        self.test(code, k, yes, on);
        self.place(on);
    }

    /// The program; `None` when it is longer than the kernel accepts.
    pub fn assemble(mut self) -> Option<Vec<sock_filter>> {
        let places = self.lay_out();
        let mut program = Vec::with_capacity(places.last().copied().unwrap_or_default());
        for (at, line) in self.lines.iter().enumerate() {
            let distance = |label: Label| self.distance(&places, at, label);
            line.write(&mut program, distance);
        }
        (program.len() <= MOST).then_some(program)
    }

    /// The address of each line, and of the end. A far jump makes its line longer, which may make
    /// other jumps far, so this is repeated until nothing changes.
    fn lay_out(&mut self) -> Vec<usize> {
        loop {
            let mut places = vec![0];
            for line in &self.lines {
                places.push(places[places.len() - 1] + line.length());
            }
            let mut is_stable = true;
            for at in 0..self.lines.len() {
                let Line::Test { ways, far: was, .. } = &self.lines[at] else {
                    continue;
                };
                let is_far = |way: usize| was[way] || self.distance(&places, at, ways[way]) > 255;
                let now = [is_far(0), is_far(1)];
                is_stable &= now == *was;
                if let Line::Test { far, .. } = &mut self.lines[at] {
                    *far = now;
                }
            }
            if is_stable {
                return places;
            }
        }
    }

    /// Instructions between the first one of a line and a label.
    fn distance(&self, places: &[usize], from: usize, label: Label) -> usize {
        let to = self.labels[label.0].expect("every label that is used is placed");
        let distance = places[to].checked_sub(places[from] + 1);
        distance.expect("jumps go forward")
    }
}

impl Line {
    fn length(&self) -> usize {
        match self {
            Line::Plain(_) | Line::Go(_) => 1,
            Line::Test { far, .. } => 1 + far.iter().filter(|far| **far).count(),
        }
    }

    /// A test is followed by an unconditional jump for each way that is far.
    fn write(&self, program: &mut Vec<sock_filter>, distance: impl Fn(Label) -> usize) {
        match self {
            Line::Plain(instruction) => program.push(*instruction),
            Line::Go(to) => program.push(go(distance(*to))),
            Line::Test { code, k, ways, far } => {
                let mut jumps = Vec::new();
                let [yes, no] = [0, 1].map(|way| {
                    let distance = distance(ways[way]);
                    if far[way] {
                        jumps.push(go(distance - 1 - jumps.len()));
                        jumps.len() as u8 - 1
                    } else {
                        u8::try_from(distance).expect("it would be far")
                    }
                });
                program.push(instruction(*code, yes, no, *k));
                program.extend(jumps);
            }
        }
    }
}

fn go(distance: usize) -> sock_filter {
    let distance = u32::try_from(distance).expect("a program fits into memory");
    instruction(GO, 0, 0, distance)
}

fn instruction(code: u16, jt: u8, jf: u8, k: u32) -> sock_filter {
    sock_filter { code, jt, jf, k }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tests A for equality with 1 and accepts 1 or 2 bytes, `between` instructions later.
    fn program(between: usize) -> Vec<sock_filter> {
        let mut asm = Assembler::default();
        let [yes, no] = [asm.label(), asm.label()];
        asm.test(EQUAL, 1, yes, no);
        for _ in 0..between {
            asm.put(ADD, 1);
        }
        asm.place(yes);
        asm.put(RETURN, 1);
        asm.place(no);
        asm.put(RETURN, 2);
        asm.assemble().unwrap()
    }

    #[test]
    fn near_jumps_are_part_of_the_test() {
        let first = program(254)[0];
        assert_eq!((first.jt, first.jf), (254, 255));
        assert_eq!(program(254).len(), 257);
    }

    #[test]
    fn one_far_way_gets_a_jump_of_its_own() {
        let program = program(255);
        assert_eq!(program.len(), 3 + 255 + 2);
        // The jump for `no` made `yes` far as well.
        assert_eq!((program[0].jt, program[0].jf), (0, 1));
        assert_eq!((program[1].code, program[1].k), (GO, 256));
        assert_eq!((program[2].code, program[2].k), (GO, 256));
    }

    #[test]
    fn more_than_the_kernel_takes_is_no_program() {
        let mut asm = Assembler::default();
        for _ in 0..MOST {
            asm.put(ADD, 1);
        }
        asm.put(RETURN, 0);
        assert!(asm.assemble().is_none());
    }
}
