use proptest::prelude::*;

use super::*;

const STRUCTURE: u32 = 4;
const UNION: u32 = 5;
const TYPEDEF: u32 = 8;
const FUNCTION: u32 = 12;

#[derive(Default)]
struct Written {
    types: Vec<u32>,
    strings: Vec<u8>,
}

impl Written {
    fn name(&mut self, name: &str) -> u32 {
        let at = self.strings.len() as u32;
        self.strings.extend(name.bytes().chain([0]));
        at
    }

    fn add(&mut self, kind: u32, name: &str, of: u32, members: &[(&str, u32, u32)]) {
        let name = self.name(name);
        let info = kind << 24 | members.len() as u32;
        self.types.extend([name, info, of]);
        for (name, of, bits) in members {
            let name = self.name(name);
            self.types.extend([name, *of, *bits]);
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let types = self.types.len() as u32 * 4;
        let head = [
            0x0001_eb9fu32,
            24,
            0,
            types,
            types,
            self.strings.len() as u32,
        ];
        let words = head.iter().chain(&self.types);
        let words = words.flat_map(|word| word.to_ne_bytes());
        words.chain(self.strings.iter().copied()).collect()
    }
}

/// ```c
/// struct inner { /* 1 */ void *first; void *second; };
/// struct outer { /* 4 */ void *head; union { /* 3 */ inner_t a; void *b; }; int flag:1; };
/// ```
fn written() -> Vec<u8> {
    let mut written = Written::default();
    written.name("");
    written.add(
        STRUCTURE,
        "inner",
        16,
        &[("first", 0, 0), ("second", 0, 64)],
    );
    written.add(TYPEDEF, "inner_t", 1, &[]);
    written.add(UNION, "", 16, &[("a", 2, 0), ("b", 0, 0)]);
    let members = [("head", 0, 0), ("", 3, 64), ("flag", 0, 193)];
    written.add(STRUCTURE, "outer", 32, &members);
    written.add(FUNCTION, "outer", 0, &[]);
    written.bytes()
}

#[test]
fn a_member_is_found_through_typedefs_and_anonymous_unions() {
    let btf = Btf::parse(written()).unwrap();
    let names = ["outer", "inner", "absent"];
    let [outer, inner, absent] = btf.find(Kind::Structure, names);
    assert_eq!((outer, inner, absent), (Some(4), Some(1), None));
    assert_eq!(btf.find(Kind::Function, ["outer"]), [Some(5)]);
    let outer = outer.unwrap();
    for (path, offset) in [
        ("head", Some(0)),
        ("a", Some(8)),
        ("a.second", Some(16)),
        ("b", Some(8)),
        ("b.second", None),
        ("flag", None),
        ("second", None),
    ] {
        assert_eq!(btf.offset(outer, path), offset, "{path}");
    }
    assert_eq!(btf.offset(99, "head"), None);
}

#[test]
fn what_is_cut_short_is_malformed() {
    let whole = written();
    for length in 0..whole.len() {
        assert!(
            Btf::parse(whole[..length].to_vec()).is_err(),
            "{length} bytes"
        );
    }
}

#[test]
fn a_typedef_of_itself_has_no_members() {
    let mut written = Written::default();
    written.add(TYPEDEF, "loop", 1, &[]);
    written.add(STRUCTURE, "knot", 0, &[("", 2, 0)]);
    let btf = Btf::parse(written.bytes()).unwrap();
    assert_eq!(btf.offset(1, "any"), None);
    assert_eq!(btf.offset(2, "any"), None);
}

#[test]
fn structures_that_contain_themselves_many_times_are_given_up() {
    let mut written = Written::default();
    written.name("");
    written.add(STRUCTURE, "knot", 0, &[("", 1, 0); 1000]);
    let btf = Btf::parse(written.bytes()).unwrap();
    assert_eq!(btf.offset(1, "any"), None);
}

/// Looks up everything; the result does not matter.
fn explore(bytes: Vec<u8>) {
    if let Ok(btf) = Btf::parse(bytes) {
        let found = btf.find(Kind::Structure, ["outer", "inner"]);
        for id in found.into_iter().flatten().chain([0, 1, 3, u32::MAX]) {
            btf.offset(id, "a.second");
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_taken(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        explore(bytes);
    }

    #[test]
    fn mangled_types_are_taken(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)
    ) {
        let mut bytes = written();
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        explore(bytes);
    }
}
