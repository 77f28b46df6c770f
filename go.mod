module corelift

go 1.26

require github.com/go-delve/delve v1.27.2
