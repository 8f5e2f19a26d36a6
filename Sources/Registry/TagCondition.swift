/// What setting a tag may change.
package enum TagCondition: Sendable {
    /// Whatever there is.
    case always
    /// The tag is new, or holds the same manifest already; of two that set it at once one wins.
    case absent
    /// The tag is there. One that is deleted at the same moment may be made again.
    case present
}
