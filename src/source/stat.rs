//! `/proc/PID/stat` (man 5 proc_pid_stat): `811 (api) S 1 811 811 0 -1 4194560 …`.

/// `PF_EXITING`, include/linux/sched.h.
const EXITING: u64 = 0x0000_0004;
/// `PF_KTHREAD`.
const KERNEL_THREAD: u64 = 0x0020_0000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// `R`, `S`, `D`, `T`…
    pub state: char,
    /// The first thread is exiting, or a zombie.
    pub ended: bool,
    /// Process id; 0 when the parent is outside of this PID namespace.
    pub parent: u32,
    pub kernel_thread: bool,
    pub threads: u64,
    /// In clock ticks since boot.
    pub began: u64,
}

impl Stat {
    pub fn is_dead(&self) -> bool {
        self.ended && self.threads <= 1
    }
}

/// The name may contain any characters, including parentheses.
pub fn parse(text: &str) -> Option<Stat> {
    let (_, rest) = text.rsplit_once(')')?;
    let words: Vec<&str> = rest.split_ascii_whitespace().take(20).collect();
    let flags: u64 = words.get(6)?.parse().ok()?;
    Some(Stat {
        state: words[0].chars().next()?,
        ended: matches!(words[0], "Z" | "X" | "x") || flags & EXITING != 0,
        parent: words.get(1)?.parse().ok()?,
        kernel_thread: flags & KERNEL_THREAD != 0,
        threads: words.get(17)?.parse().ok()?,
        began: words.get(19)?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_anything() {
        let line =
            "7 (a) R 1 (b) S 4 7 7 0 -1 4194560 1 0 0 0 175 65 330 850 20 0 13 0 2000 445 34";
        let stat = Stat {
            state: 'S',
            ended: false,
            parent: 4,
            kernel_thread: false,
            threads: 13,
            began: 2000,
        };
        assert_eq!(parse(line), Some(stat));
        assert_eq!(parse("7 (a"), None);
        assert_eq!(parse("7 (a) S 4 7"), None);
    }

    #[test]
    fn kernel_threads_are_known_by_a_flag() {
        let line = "2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 20 0 0";
        assert!(parse(line).unwrap().kernel_thread);
    }

    #[test]
    fn a_process_lives_while_one_of_its_threads_does() {
        let line =
            |threads| format!("7 (a) Z 4 7 7 0 -1 4 1 0 0 0 1 6 3 8 20 0 {threads} 0 2000 4 3");
        assert!(!parse(&line(2)).unwrap().is_dead());
        assert!(parse(&line(1)).unwrap().is_dead());
        assert!(
            parse(&line(1).replace("Z", "R")).unwrap().is_dead(),
            "it is on its way"
        );
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "[0-9]{0,3} ?\\(\\PC{0,12}\\)( (\\PC{0,4}|[0-9]{0,22})){0,24}") {
            parse(&text);
        }
    }
}
