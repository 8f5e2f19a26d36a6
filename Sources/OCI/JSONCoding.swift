#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Reads a value from JSON text; the decoder limits the depth of nesting itself and throws only `DecodingError`.
func decodeJSON<Value: Decodable>(_ type: Value.Type, from bytes: [UInt8]) throws -> Value {
    try JSONDecoder().decode(type, from: Data(bytes))
}

/// Reads a value from a JSON text of any tool: one object, within the limits of `JSONScanner`. Whatever is wrong with the
/// text is thrown as an error that describes itself.
package func decodeBoundedJSON<Value: Decodable>(_ type: Value.Type, from bytes: [UInt8]) throws -> Value {
    _ = try JSONOutline(bytes)
    return try decodeJSON(type, from: bytes)
}

/// Writes a value of strings, integers, arrays and objects as JSON; keys are sorted, so equal values are equal bytes.
package func encodeJSON(_ value: some Encodable) -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    do {
        return [UInt8](try encoder.encode(value))
    } catch {
        // The encoder refuses nothing but numbers that are not finite, and no response body has floating point.
        fatalError("a response body cannot be encoded: \(error)")
    }
}
