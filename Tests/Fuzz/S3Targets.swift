@testable import S3

extension FuzzTarget {
    /// XML: elements are nested within the limit, and what was read is read again when it is written down. Every reader
    /// of an answer takes the same bytes as XML, and a key survives its encoding.
    static let xml = FuzzTarget(name: "xml") { bytes in
        let read = events(bytes)
        if let read {
            checkNesting(read)
            let written = read.reduce(into: "") { text, event in
                switch event {
                case .begin(let name): text += "<\(name)>"
                case .end(let name, let content): text += "\(S3Documents.escape(content))</\(name)>"
                }
            }
            precondition(events(Array(written.utf8)) == read, "written and read, it is another document")
        }
        checkDocuments(bytes, isXML: read != nil)
        if let key = text(bytes) {
            precondition(S3Documents.decode(URIEncoding.component(key)) == key, "a key that changes")
        }
    }

    /// Nil for what is no XML.
    private static func events(_ bytes: [UInt8]) -> [XMLReader.Event]? {
        var reader = XMLReader(bytes)
        var events: [XMLReader.Event] = []
        do throws(XMLError) {
            while let event = try reader.next() { events.append(event) }
        } catch {
            precondition((0...bytes.count).contains(error.offset), "an error beside the document")
            return nil
        }
        return events
    }

    private static func checkNesting(_ events: [XMLReader.Event]) {
        var open: [String] = []
        for (index, event) in events.enumerated() {
            switch event {
            case .begin(let name):
                precondition(index == 0 || !open.isEmpty, "two outermost elements")
                open.append(name)
                precondition(open.count <= 16, "elements without limit")
            case .end(let name, _): precondition(open.popLast() == name, "an end without its begin")
            }
        }
        precondition(open.isEmpty && !events.isEmpty, "half a document")
    }

    private static func checkDocuments(_ bytes: [UInt8], isXML: Bool) {
        let listing = try? S3Documents.listing(in: bytes, prefix: "p/")
        let uploads = try? S3Documents.uploads(in: bytes, prefix: "p/")
        let refusals = try? S3Documents.refusals(in: bytes, prefix: "p/")
        precondition(
            (listing != nil) == isXML && (uploads != nil) == isXML && (refusals != nil) == isXML, "readers differ")
        precondition((listing?.objects.count ?? 0) <= bytes.count, "objects out of nothing")
        let error = S3ErrorDocument(bytes)
        precondition(isXML || error.root != "Error", "half an error")
        // An accepted answer may have anything else around what is looked for.
        _ = try? (S3Documents.etag(in: bytes), S3Documents.uploadID(in: bytes))
    }
}
