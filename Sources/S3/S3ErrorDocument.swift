/// An `<Error>` document, or the name of another document's outermost element.
struct S3ErrorDocument {
    private(set) var root: String?
    private(set) var code: String?
    private(set) var message: String?
    private(set) var region: String?
    private(set) var endpoint: String?

    /// Takes what it can from `bytes`, which may be no XML at all: then the status alone has to do.
    init(_ bytes: [UInt8]) {
        var reader = XMLReader(bytes)
        do throws(XMLError) {
            while let event = try reader.next() {
                switch event {
                case .begin(let name):
                    root = root ?? name
                    // Another document is for its operation to read.
                    if root != "Error" { return }
                case .end(let name, let text): take(name, text)
                }
            }
        } catch {
            // A document that breaks off is no success.
            root = nil
        }
    }

    private mutating func take(_ name: String, _ text: String) {
        switch name {
        case "Code": code = text
        case "Message": message = text
        case "Region": region = text
        case "Endpoint": endpoint = text
        default: break
        }
    }
}
