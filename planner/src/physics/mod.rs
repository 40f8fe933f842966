//! Physics: from a scenario to a cost table, and from an assignment back to numbers with meaning.
