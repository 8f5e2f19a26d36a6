# Builds the server and puts it, with the few libraries it needs, into an image of its own:
#
#     docker build --tag stowage .
#     docker run --detach --publish 127.0.0.1:5000:5000 --volume stowage:/var/lib/stowage stowage
#
# With a bucket instead of a directory, and credentials from the environment:
#
#     docker run --detach --publish 127.0.0.1:5000:5000 --env AWS_ACCESS_KEY_ID --env AWS_SECRET_ACCESS_KEY stowage \
#         serve --listen 0.0.0.0:5000 --allow-anonymous --storage s3://my-bucket --s3-region eu-central-1
#
# Any image of Debian 12 with Swift 6.3 can build, and any image of Debian 12 can run it.
ARG BUILDER_IMAGE=swift:6.3-bookworm
ARG RUNTIME_IMAGE=debian:bookworm-slim

FROM ${BUILDER_IMAGE} AS build
RUN apt-get update \
    && apt-get install --yes --no-install-recommends binutils libcrypt-dev libcurl4-openssl-dev libssl-dev pkg-config \
    && apt-get clean && rm -rf /var/lib/apt/lists/*
WORKDIR /source
# The dependencies first: they change less often than the sources.
COPY Package.swift ./
RUN swift package resolve
COPY . .
RUN swift build --configuration release --static-swift-stdlib --product stowage \
    && install --strip .build/release/stowage /usr/bin/stowage

FROM ${RUNTIME_IMAGE}
# libssl3 holds libcrypto, too; libcrypt is for passwords; libcurl speaks to buckets, ca-certificates says whom it trusts;
# Swift's runtime, linked in, is partly C++.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates libcrypt1 libcurl4 libssl3 libstdc++6 \
    && apt-get clean && rm -rf /var/lib/apt/lists/* \
    && install --directory --owner 65532 --group 65532 --mode 0750 /var/lib/stowage
COPY --from=build /usr/bin/stowage /usr/bin/stowage
# A number, so that Kubernetes can see that it is not root.
USER 65532:65532
WORKDIR /var/lib/stowage
VOLUME /var/lib/stowage
EXPOSE 5000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=6s --start-period=5s CMD ["stowage", "healthcheck"]
ENTRYPOINT ["stowage"]
# Without logins whoever can reach the published port may push, pull and delete. Inside the container the server has to
# listen on every address, which it refuses without access settings or --allow-anonymous; publish the port only where
# everybody may do that, or give it a configuration with logins:
#
#     docker run ... --volume ./stowage.yaml:/etc/stowage.yaml:ro stowage serve --config /etc/stowage.yaml
CMD ["serve", "--listen", "0.0.0.0:5000", "--storage", "/var/lib/stowage", "--allow-anonymous"]
