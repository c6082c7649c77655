//! From parents to children and all ancestors; an edge that would close a circle is left out and said.

/// Parents, children and ancestors of every concept, each list sorted.
pub(super) struct Hierarchy {
    pub parents: Vec<Vec<u32>>,
    pub children: Vec<Vec<u32>>,
    pub ancestors: Vec<Vec<u32>>,
    /// Edges (child, parent) that were left out because the parent is below the child.
    pub cyclic: Vec<(u32, u32)>,
}

pub(super) fn close(mut parents: Vec<Vec<u32>>) -> Hierarchy {
    for (child, list) in parents.iter_mut().enumerate() {
        list.sort_unstable();
        list.dedup();
        list.retain(|&p| p as usize != child);
    }
    let cyclic = break_cycles(&mut parents);
    let mut children = vec![Vec::new(); parents.len()];
    for (child, list) in parents.iter().enumerate() {
        list.iter().for_each(|&p| children[p as usize].push(child as u32));
    }
    // From the roots down: when a concept's turn comes, all its parents have had theirs.
    let mut waiting: Vec<u32> = parents.iter().map(|p| p.len() as u32).collect();
    let mut ready: Vec<u32> = (0..parents.len() as u32).filter(|&c| waiting[c as usize] == 0).collect();
    let mut ancestors: Vec<Vec<u32>> = vec![Vec::new(); parents.len()];
    while let Some(concept) = ready.pop() {
        let mut own: Vec<u32> = Vec::new();
        for &parent in &parents[concept as usize] {
            own.push(parent);
            own.extend_from_slice(&ancestors[parent as usize]);
        }
        own.sort_unstable();
        own.dedup();
        own.shrink_to_fit();
        ancestors[concept as usize] = own;
        for &child in &children[concept as usize] {
            waiting[child as usize] -= 1;
            if waiting[child as usize] == 0 {
                ready.push(child);
            }
        }
    }
    Hierarchy { parents, children, ancestors, cyclic }
}

/// Takes out the edges that lead back to a concept on the way down from it; depth first, in the order of the concepts, so that the same
/// edges go whatever the order of the input.
fn break_cycles(parents: &mut [Vec<u32>]) -> Vec<(u32, u32)> {
    #[derive(Clone, Copy, PartialEq)]
    enum Mark {
        New,
        OnTheWay,
        Done,
    }
    let mut marks = vec![Mark::New; parents.len()];
    let mut cyclic = Vec::new();
    for start in 0..parents.len() as u32 {
        let mut way: Vec<(u32, usize)> = vec![(start, 0)];
        if marks[start as usize] != Mark::New {
            continue;
        }
        marks[start as usize] = Mark::OnTheWay;
        while let Some((concept, next)) = way.last_mut() {
            let child = *concept;
            let Some(&parent) = parents[child as usize].get(*next) else {
                marks[child as usize] = Mark::Done;
                way.pop();
                continue;
            };
            *next += 1;
            match marks[parent as usize] {
                Mark::New => {
                    marks[parent as usize] = Mark::OnTheWay;
                    way.push((parent, 0));
                }
                Mark::OnTheWay => cyclic.push((child, parent)),
                Mark::Done => {}
            }
        }
    }
    for &(child, parent) in &cyclic {
        parents[child as usize].retain(|&p| p != parent);
    }
    cyclic
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn naive(parents: &[Vec<u32>], of: u32, seen: &mut std::collections::BTreeSet<u32>) {
        for &p in &parents[of as usize] {
            if seen.insert(p) {
                naive(parents, p, seen);
            }
        }
    }

    proptest! {
        /// Closure = naive walk, on graphs with and without circles.
        #[test]
        fn closure_is_the_naive_walk(parents in prop::collection::vec(prop::collection::vec(0u32..30, 0..4), 30)) {
            let h = close(parents);
            for c in 0..30 {
                let mut seen = std::collections::BTreeSet::new();
                naive(&h.parents, c, &mut seen);
                prop_assert!(!seen.contains(&c), "a circle was left");
                prop_assert_eq!(&h.ancestors[c as usize], &seen.into_iter().collect::<Vec<_>>());
                for &p in &h.parents[c as usize] {
                    prop_assert!(h.children[p as usize].contains(&c));
                }
            }
        }
    }

    #[test]
    fn a_circle_loses_one_edge() {
        let h = close(vec![vec![1], vec![2], vec![0]]);
        assert_eq!(h.cyclic, [(2, 0)]);
        assert_eq!(h.ancestors[0], [1, 2]);
    }
}
