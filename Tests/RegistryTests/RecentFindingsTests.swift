import OCI
import TestSupport
import Testing

@testable import Registry

struct RecentFindingsTests {
    private let digest = Digest(of: [1])
    private let other = Digest(of: [2])

    @Test("a finding lasts a minute, and not until a clock that was put back has caught up")
    func lifetime() {
        let time = Guarded(1000)
        let findings = RecentFindings { time.value }
        findings.note(.noBlob(digest), asOf: findings.moment)
        #expect(findings.has(.noBlob(digest)) && !findings.has(.noBlob(other)) && !findings.has(.content(digest)))
        time.change { $0 += 60 }
        #expect(findings.has(.noBlob(digest)))
        time.change { $0 += 1 }
        #expect(!findings.has(.noBlob(digest)))
        time.change { $0 = 999 }
        #expect(!findings.has(.noBlob(digest)))
    }

    @Test("what was asked before something was deleted is not noted afterwards")
    func deleted() throws {
        let findings = RecentFindings { 0 }
        let name = try RepositoryName("r")
        let before = findings.moment
        findings.forget(.held(name, digest))
        findings.note(.held(name, digest), asOf: before)
        #expect(!findings.has(.held(name, digest)))
        findings.note(.held(name, digest), .held(name, other), asOf: findings.moment)
        #expect(findings.has(.held(name, digest)))
        findings.forget(.held(name, digest))
        #expect(!findings.has(.held(name, digest)) && findings.has(.held(name, other)))
    }

    @Test("content that is there now was absent before")
    func arrived() {
        let findings = RecentFindings { 0 }
        findings.note(.noBlob(digest), asOf: findings.moment)
        findings.note(.content(digest), asOf: findings.moment)
        #expect(findings.has(.content(digest)) && !findings.has(.noBlob(digest)))
    }

    @Test("a session is remembered for the token given out last, and for the bytes that one stands for")
    func sessions() {
        let findings = RecentFindings { 0 }
        let token = { (id: UploadID, bytes: [UInt8]) in
            var hasher = ContentHasher(.sha256)
            hasher.update(bytes.span.bytes)
            return UploadToken(id: id, expiry: 0, offset: bytes.count, hasher: hasher)
        }
        let id = UploadID()
        findings.note(token(id, []), parts: [])
        #expect(findings.parts(of: token(id, [])) != nil && findings.parts(of: token(UploadID(), [])) == nil)
        let name = UploadPartName(offset: 0, before: "a", after: "b")
        let part = UploadPart(key: StorageLayout.uploadPart(name, of: id), name: name, size: 2)
        findings.note(token(id, [1, 2]), parts: [part])
        #expect(findings.parts(of: token(id, [1, 2]))?.map(\.key) == [part.key])
        #expect(findings.parts(of: token(id, [])) == nil && findings.parts(of: token(id, [1, 3])) == nil)
        findings.forget(id)
        #expect(findings.parts(of: token(id, [1, 2])) == nil)
        findings.note(
            token(id, [1, 2]), parts: Array(repeating: part, count: RecentFindings.maximumParts + 1))
        #expect(findings.parts(of: token(id, [1, 2])) == nil)
    }

    @Test("a table keeps the newest, and never more than its capacity")
    func capacity() {
        var table = RecentTable<Int, Int>(capacity: 100)
        for number in 0..<1000 {
            table.insert(number, for: number, at: number)
            #expect(table.count <= 100)
            for kept in max(0, number - 49)...number { #expect(table.value(of: kept, at: 0...number) == kept) }
        }
        table.insert(1, for: 999, at: 1000)
        #expect(table.value(of: 999, at: 0...1000) == 1 && table.value(of: 999, at: 0...999) == nil)
        table.remove(999)
        #expect(table.value(of: 999, at: 0...1000) == nil)
    }
}
