//go:build race

package softfp

func init() { raceBuild = true }
