//! Words around numbers, the same in all that people read.

use std::fmt::Display;

/// A number of things: `1 pod`, `2 pods`, `0 indexes`.
pub fn count<N: Copy + Display + TryInto<i128>>(number: N, thing: &str) -> String {
    let is_one = number.try_into().is_ok_and(|number: i128| number == 1);
    let ending = match thing {
        _ if is_one => "",
        _ if thing.ends_with('x') || thing.ends_with('s') => "es",
        _ => "s",
    };
    format!("{number} {thing}{ending}")
}

#[cfg(test)]
mod tests {
    use super::count;

    #[test]
    fn only_one_is_one() {
        let counted = [count(0, "pod"), count(1_usize, "pod"), count(2_i32, "more pod"), count(-1_i64, "pod")];
        assert_eq!(counted, ["0 pods", "1 pod", "2 more pods", "-1 pods"]);
        assert_eq!([count(1, "index"), count(2, "index"), count(2, "pass")], ["1 index", "2 indexes", "2 passes"]);
    }
}
