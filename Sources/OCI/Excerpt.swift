extension String {
    /// The text quoted for an error message: escaped, and cut after 96 Unicode scalars, for anybody may have sent it.
    package var excerpt: String {
        let limit = 96
        let head = unicodeScalars.prefix(limit + 1)
        guard head.count > limit else { return debugDescription }
        return String(head.dropLast()).debugDescription + "…"
    }
}
