package import ObjectStorage

extension S3Place {
    /// A store whose keys are below here; `proxy`: what is between it and the server.
    package func store(through proxy: FaultProxy? = nil) throws -> any ObjectStore {
        S3ObjectStore(client: client(http: try TestServer.http.get(), through: proxy))
    }
}
