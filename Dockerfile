# Guichet in a container. `docker run` starts everything on its embedded engines; compose.yaml runs the parts one by one.
FROM python:3.13-slim AS build
WORKDIR /src
COPY .ci/constraints.py .ci/
COPY pyproject.toml uv.lock README.md LICENSE ./
COPY guichet guichet
COPY gateway gateway
COPY channels channels
COPY workers workers
COPY models models
COPY config config
RUN python -m venv /opt/guichet \
    && python .ci/constraints.py uv.lock > constraints.txt \
    && /opt/guichet/bin/pip install --no-cache-dir --disable-pip-version-check --constraint constraints.txt .

FROM python:3.13-slim
RUN useradd --uid 10001 --create-home --home-dir /var/lib/guichet --shell /usr/sbin/nologin guichet
COPY --from=build /opt/guichet /opt/guichet
ENV PATH=/opt/guichet/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    GUICHET_VAR=/var/lib/guichet/var \
    GUICHET_HTTP__HOST=0.0.0.0 \
    GUICHET_SMTP__HOST=0.0.0.0
USER guichet
WORKDIR /var/lib/guichet
RUN mkdir var
VOLUME /var/lib/guichet/var
EXPOSE 8080 2525
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/readyz', timeout=4)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["guichet"]
CMD ["up"]
