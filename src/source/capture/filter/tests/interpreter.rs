//! Runs classic BPF as the kernel does (net/core/filter.c, `bpf_check_classic` and what it turns
//! programs into).

use libc::sock_filter;

/// What the kernel knows about a packet beside its bytes.
#[derive(Debug, Clone, Copy)]
pub struct Known {
    pub protocol: u32,
    pub packet_type: u32,
    pub hardware: u32,
}

/// How many bytes of the packet are accepted.
pub fn run(program: &[sock_filter], packet: &[u8], known: Known) -> u32 {
    let mut machine = Machine {
        a: 0,
        x: 0,
        memory: [None; 16],
    };
    let mut at = 0;
    loop {
        let line = program[at];
        at += 1;
        match machine.step(line, packet, known) {
            Some(Step::On) => {}
            Some(Step::Jump(distance)) => at += distance,
            Some(Step::Return(bytes)) => return bytes,
            // A load from beyond the end of the packet.
            None => return 0,
        }
    }
}

struct Machine {
    a: u32,
    x: u32,
    memory: [Option<u32>; 16],
}

enum Step {
    On,
    Jump(usize),
    Return(u32),
}

impl Machine {
    fn step(&mut self, line: sock_filter, packet: &[u8], known: Known) -> Option<Step> {
        let k = line.k;
        let slot = k as usize % 16;
        let remembered = || self.memory[slot].expect("stored before it is loaded");
        match line.code {
            0x20 => self.a = ancillary(k, known),
            0x40 => self.a = load(packet, self.x, k, 4)?,
            0x48 => self.a = load(packet, self.x, k, 2)?,
            0x50 => self.a = load(packet, self.x, k, 1)?,
            0x60 => self.a = remembered(),
            0x61 => self.x = remembered(),
            0x01 => self.x = k,
            0x02 => self.memory[slot] = Some(self.a),
            0x03 => self.memory[slot] = Some(self.x),
            0x07 => self.x = self.a,
            0x87 => self.a = self.x,
            0x04 => self.a = self.a.wrapping_add(k),
            0x0c => self.a = self.a.wrapping_add(self.x),
            0x54 => self.a &= k,
            0x64 => self.a <<= k,
            0x74 => self.a >>= k,
            0x06 => return Some(Step::Return(k)),
            0x05 => return Some(Step::Jump(k as usize)),
            0x15 => return Some(jump(line, self.a == k)),
            0x1d => return Some(jump(line, self.a == self.x)),
            0x25 => return Some(jump(line, self.a > k)),
            0x35 => return Some(jump(line, self.a >= k)),
            0x45 => return Some(jump(line, self.a & k != 0)),
            code => panic!("instruction {code:#x}"),
        }
        Some(Step::On)
    }
}

fn jump(line: sock_filter, holds: bool) -> Step {
    Step::Jump(usize::from(if holds { line.jt } else { line.jf }))
}

fn ancillary(k: u32, known: Known) -> u32 {
    match k as i32 + 0x1000 {
        0 => known.protocol,
        4 => known.packet_type,
        28 => known.hardware,
        other => panic!("ancillary load {other}"),
    }
}

fn load(packet: &[u8], x: u32, k: u32, bytes: usize) -> Option<u32> {
    let at = x.wrapping_add(k) as usize;
    let bytes = packet.get(at..at.checked_add(bytes)?)?;
    Some(
        bytes
            .iter()
            .fold(0, |word, byte| word << 8 | u32::from(*byte)),
    )
}
