//! Assembles eBPF (include/uapi/linux/bpf.h; Documentation/bpf/standardization/instruction-set.rst):
//! instructions in order, with jumps to labels that may be placed before or after.

/// Longer than any program here, and short of what a 16-bit jump can cross.
const MOST: usize = 4096;

/// `R0` is what a call returns, `R1` to `R5` are its arguments and are lost in it, `R6` to `R9`
/// stay, and the 512 bytes below `R10` are the stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Register {
    R0,
    R1,
    R2,
    R3,
    R6 = 6,
    R7,
    R8,
    R9,
    R10,
}

/// `BPF_SIZE` of an instruction.
#[derive(Debug, Clone, Copy)]
pub enum Size {
    Word = 0x00,
    Half = 0x08,
    Byte = 0x10,
    Double = 0x18,
}

#[derive(Debug, Clone, Copy)]
pub enum When {
    Equal = 0x15,
    NotEqual = 0x55,
    /// Unsigned.
    AtLeast = 0x35,
}

/// `struct bpf_insn`
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instruction {
    code: u8,
    registers: u8,
    offset: i16,
    immediate: i32,
}

#[derive(Debug, Clone, Copy)]
pub struct Label(usize);

#[derive(Default)]
pub struct Assembler {
    instructions: Vec<Instruction>,
    /// Where each label is, once placed.
    labels: Vec<Option<usize>>,
    /// Jumps, and where they go.
    jumps: Vec<(usize, Label)>,
}

impl Assembler {
    pub fn label(&mut self) -> Label {
        self.labels.push(None);
        Label(self.labels.len() - 1)
    }

    pub fn place(&mut self, label: Label) {
        self.labels[label.0] = Some(self.instructions.len());
    }

    pub fn set(&mut self, to: Register, value: i32) {
        self.put(0xb7, to, None, 0, value);
    }

    pub fn copy(&mut self, to: Register, from: Register) {
        self.put(0xbf, to, Some(from), 0, 0);
    }

    pub fn add(&mut self, to: Register, value: i32) {
        self.put(0x07, to, None, 0, value);
    }

    pub fn and(&mut self, to: Register, value: i32) {
        self.put(0x57, to, None, 0, value);
    }

    pub fn add_register(&mut self, to: Register, from: Register) {
        self.put(0x0f, to, Some(from), 0, 0);
    }

    pub fn subtract(&mut self, to: Register, from: Register) {
        self.put(0x1f, to, Some(from), 0, 0);
    }

    /// Clears the upper half.
    pub fn truncate(&mut self, register: Register) {
        self.put(0xbc, register, Some(register), 0, 0);
    }

    /// Loads from memory; the upper part of the register becomes 0.
    pub fn load(&mut self, size: Size, to: Register, base: Register, offset: i16) {
        self.put(0x61 | size as u8, to, Some(base), offset, 0);
    }

    /// Stores to the stack.
    pub fn store(&mut self, size: Size, offset: i16, from: Register) {
        self.store_at(size, Register::R10, offset, from);
    }

    pub fn store_at(&mut self, size: Size, base: Register, offset: i16, from: Register) {
        self.put(0x63 | size as u8, base, Some(from), offset, 0);
    }

    /// The array of this descriptor, for helpers (`BPF_PSEUDO_MAP_FD`): one instruction in the place
    /// of two.
    pub fn set_array(&mut self, to: Register, descriptor: i32) {
        const PSEUDO_MAP_FD: Register = Register::R1;
        self.put(0x18, to, Some(PSEUDO_MAP_FD), 0, descriptor);
        self.put(0, Register::R0, None, 0, 0);
    }

    /// Stores eight bytes of 0 to the stack.
    pub fn clear(&mut self, offset: i16) {
        self.put(0x62 | Size::Double as u8, Register::R10, None, offset, 0);
    }

    pub fn call(&mut self, helper: i32) {
        self.put(0x85, Register::R0, None, 0, helper);
    }

    pub fn go(&mut self, to: Label) {
        self.jump(to);
        self.put(0x05, Register::R0, None, 0, 0);
    }

    pub fn go_if(&mut self, when: When, register: Register, value: i32, to: Label) {
        self.jump(to);
        self.put(when as u8, register, None, 0, value);
    }

    /// Jumps after some millions of iterations; with it the verifier accepts a loop that it cannot
    /// see the end of (`BPF_MAY_GOTO`, Linux 6.9).
    pub fn go_sometime(&mut self, to: Label) {
        self.jump(to);
        self.put(0xe5, Register::R0, None, 0, 0);
    }

    pub fn exit(&mut self, value: i32) {
        self.set(Register::R0, value);
        self.put(0x95, Register::R0, None, 0, 0);
    }

    /// The program; `None` when it is too long.
    pub fn assemble(mut self) -> Option<Vec<Instruction>> {
        if self.instructions.len() > MOST {
            return None;
        }
        for (at, label) in self.jumps {
            let to = self.labels[label.0].expect("every label that is used is placed");
            self.instructions[at].offset = i16::try_from(to as i64 - at as i64 - 1).ok()?;
        }
        Some(self.instructions)
    }

    fn jump(&mut self, to: Label) {
        self.jumps.push((self.instructions.len(), to));
    }

    fn put(&mut self, code: u8, to: Register, from: Option<Register>, offset: i16, immediate: i32) {
        let (to, from) = (to as u8, from.map_or(0, |from| from as u8));
        let registers = match cfg!(target_endian = "big") {
            true => to << 4 | from,
            false => from << 4 | to,
        };
        self.instructions.push(Instruction {
            code,
            registers,
            offset,
            immediate,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::{Register::*, *};

    #[test]
    fn jumps_count_from_the_next_instruction() {
        let mut asm = Assembler::default();
        let (again, out) = (asm.label(), asm.label());
        asm.place(again);
        asm.go_if(When::Equal, R1, 7, out);
        asm.add(R1, 1);
        asm.go(again);
        asm.place(out);
        asm.exit(0);
        let offsets: Vec<i16> = asm
            .assemble()
            .unwrap()
            .iter()
            .map(|one| one.offset)
            .collect();
        assert_eq!(offsets, [2, 0, -3, 0, 0]);
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn instructions_are_the_kernels() {
        let mut asm = Assembler::default();
        asm.load(Size::Half, R9, R7, -8);
        asm.store(Size::Double, -16, R6);
        asm.call(127);
        let instruction = |code, registers, offset, immediate| Instruction {
            code,
            registers,
            offset,
            immediate,
        };
        assert_eq!(
            asm.assemble().unwrap(),
            [
                instruction(0x69, 0x79, -8, 0),
                instruction(0x7b, 0x6a, -16, 0),
                instruction(0x85, 0, 0, 127),
            ]
        );
    }

    #[test]
    fn what_no_jump_can_cross_is_no_program() {
        let mut asm = Assembler::default();
        for _ in 0..=MOST {
            asm.add(R1, 1);
        }
        assert!(asm.assemble().is_none());
    }
}
